"""The sandbox gateway seen from outside: by a browser, by other web pages, by whoever calls it."""
