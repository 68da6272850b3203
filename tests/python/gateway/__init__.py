"""Tests of the sandbox gateway with a browser, foreign web pages and HTTP clients."""
