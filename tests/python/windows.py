"""Which tests do not run on Windows, and why."""

from __future__ import annotations

import pytest

FORK = "Windows has no fork"
LIMIT = "Windows has no setrlimit"
PROC = "reads /proc"
SHELL = "runs a POSIX shell"
DEVICES = "needs device files such as /dev/full"
USERS = "Windows has no set-user-ID programs"
SERVERS = "the proxies and servers are Debian's"
NAMES = "changes host names with libnss_wrapper"
LAUNCHER = "the embeddable Python has no launcher of the program `zignsec`"
VENV = "the embeddable Python has no venv and no pip"
MACHINE = "belongs to the machine that builds: runs compilers and other programs"

BYTES = "arguments of programs are Unicode there, not bytes"
ALERT = "there, a reset discards the alert that the server sent before it"

# A file of tests, or a part of a test's ID, and the reason.
REASONS = {
    "hosts/test_celery.py": "Celery does not support Windows",
    "hosts/test_embedding.py": MACHINE,
    "hosts/test_eventlet.py": "eventlet needs POSIX",
    "hosts/test_gevent.py": "gevent is not installed in the embeddable Python",
    "hosts/test_gunicorn.py": "gunicorn needs fork",
    "hosts/test_mod_wsgi.py": SERVERS,
    "hosts/test_uwsgi.py": SERVERS,
    "test_captured.py": MACHINE,
    "test_empty_environment.py": VENV,
    "test_fork.py": FORK,
    "test_imports.py": MACHINE,
    "test_low_memory.py": LIMIT,
    "test_memory.py": PROC,
    "test_page.py": MACHINE,
    "test_panic.py": MACHINE,
    "test_privileged.py": USERS,
    "test_proxy.py": SERVERS,
    "test_readme.py": MACHINE,
    "test_tls_roots.py": NAMES,
    "test_async.py::test_a_process_without_threads": LIMIT,
    "test_async.py::test_forked_child": FORK,
    "test_client_certificate.py::test_rejected_client_certificate": ALERT,
    "test_command_line.py::test_check_shows_the_proxy": SERVERS,
    "test_command_line.py::test_module_and_script": LAUNCHER,
    "test_command_line.py::test_usage_shows_the_name": LAUNCHER,
    "test_command_line.py::test_wait_shows_progress_on_a_terminal": "Windows has no pty",
    "test_command_line_streams.py::test_body_without_end": DEVICES,
    "test_command_line_streams.py::test_bug_keeps_its_exit_code": DEVICES,
    "test_command_line_streams.py::test_closed_streams": SHELL,
    "test_command_line_streams.py::test_ctrl_c_while_nobody_reads": "sets the size of a pipe",
    "test_command_line_streams.py::test_ctrl_c_while_the_body_is_read": "looks how full a pipe is",
    "test_command_line_streams.py::test_full_disk": DEVICES,
    "test_command_line_streams.py::test_no_socket_becomes": SHELL,
    "test_command_line_streams.py::test_text_that_the_locale_lacks": BYTES,
    "test_command_line_streams.py::test_unwritable_standard_error": DEVICES,
    "test_command_line_streams.py::test_unwritten_output": DEVICES,
    "test_default.py::test_a_reset_in_a_forked_child": FORK,
    "test_default.py::test_default_client_is_created_once": FORK,
    "test_process.py::test_fork_with_busy_threads": FORK,
    "test_process.py::test_parent_and_child": FORK,
    "test_process.py::test_process_with_raised_privileges": USERS,
}


def skip(items: list[pytest.Item]) -> None:
    """Skip these tests."""
    for item in items:
        for part, reason in REASONS.items():
            if part in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))
                break
