"""Memory that runs out while a large text is read is an error, not an abort."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = r"""
import hashlib, hmac, resource, sys
import zignsec

FORM, SPARE = sys.argv[1], int(sys.argv[2]) * 1024 * 1024
body = b'{"event":"session_finished","id":"a","status":"accepted","x":"' + b"y" * 20_000_000 + b'"}'
signature = "t=1,v1=" + hmac.new(b"secret", b"1." + body, hashlib.sha256).hexdigest()
# What is imported and created when it is first used.
for _ in range(2):
    try:
        zignsec.verify_webhook(b"{}", "t=1,v1=00", "secret")
    except zignsec.WebhookSignatureError:
        pass
forms = {"bytearray": bytearray, "memoryview": memoryview, "bytes": bytes}
argument = forms.get(FORM, bytes.decode)(body)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + SPARE
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
try:
    if FORM == "from_json":
        zignsec.Session.from_json(argument)
    else:
        zignsec.verify_webhook(argument, signature, "secret", tolerance=None)
except MemoryError:
    print("MemoryError")
except zignsec.InternalError as error:
    assert "not enough memory (ENOMEM)" in str(error)
    print("InternalError")
else:
    print("read")
"""


@pytest.mark.parametrize("form", ["str", "bytes", "bytearray", "memoryview", "from_json"])
def test_a_text_for_which_there_is_no_memory_is_an_error(form: str) -> None:
    outcomes = set[str]()
    for spare in (1, 4, 16, 24, 32, 48, 64, 96, 128, 512):
        command = [sys.executable, "-c", PROGRAM, form, str(spare)]
        completed = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (completed.returncode, completed.stderr) == (0, ""), (spare, completed)
        outcomes.add(completed.stdout.strip())
    assert "read" in outcomes
    assert len(outcomes) > 1
