"""The logger ``zignsec``. ``py/src/logger.rs`` writes the log records of the Rust core to it."""

import logging

logger = logging.getLogger("zignsec")
# Programs that do not configure logging get no output.
logger.addHandler(logging.NullHandler())
