"""The logger ``zignsec``. ``py/src/logger.rs`` hands it what the core logs."""

import logging

logger = logging.getLogger("zignsec")
# A program that sets up no logging sees none of it.
logger.addHandler(logging.NullHandler())
