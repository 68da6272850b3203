"""Shows why a check of `freezing.py` failed."""

import pytest

pytest.register_assert_rewrite("freezing")
