"""The client from a user's point of view."""

from __future__ import annotations

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zignsec
from sandbox import Sandbox
from steps import started, until

PAGE_EXAMPLE = {
    "redirect_success": "https://my_success_url.com",
    "redirect_failure": "https://my_failure_url.com",
    "relay_state": "Tulasi_V5_SMS",
    "webhook": "https://webhook.site/zignsec",
}


def start(client: zignsec.Client) -> zignsec.Session:
    return client.start_phone_2fa("+46703339954", locale="En", **PAGE_EXAMPLE)


def test_a_session_runs_from_start_to_verdict(sandbox: Sandbox, client: zignsec.Client) -> None:
    session = start(client)
    assert session.status is zignsec.SessionStatus.PENDING
    assert session.redirect_url is not None
    assert session.redirect_url.endswith(session.id)
    assert not session.is_final

    sandbox.user(session.id, "accept")
    session = client.get_session(session.id)
    assert session.status == "accepted"
    assert str(session.status) == "accepted"
    assert session.is_final
    assert session.is_verified
    assert session.phone_number == "+46703339954"
    assert session.locale == "En"
    assert session.redirect_success == "https://my_success_url.com"
    assert session.redirect_failure == "https://my_failure_url.com"
    assert session.relay_state == "Tulasi_V5_SMS"
    assert session.webhook == "https://webhook.site/zignsec"
    assert session.to_dict()["request_data"]["metadata"] == {"phone_number": "+46703339954"}


def test_what_is_not_passed_stays_out_of_the_request(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    client.start_phone_2fa(
        "+46703339954",
        redirect_success="https://a.example",
        redirect_failure="https://b.example",
    )
    (request,) = sandbox.requests()
    assert "relay_state" not in request["body"]
    assert "webhook" not in request["body"]
    assert '"locale":"En"' in request["body"]
    assert "x-csrf-token" not in request["headers"]


def test_settings_come_from_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIGNSEC_API_KEY", sandbox.api_key)
    monkeypatch.setenv("ZIGNSEC_BASE_URL", sandbox.url)
    assert not start(zignsec.Client()).is_final


def test_other_threads_run_while_a_call_is_blocked(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    sandbox.arm("stall")
    failed = threading.Event()

    def call() -> None:
        slow = zignsec.Client(sandbox.api_key, base_url=sandbox.url, attempt_timeout=20)
        with pytest.raises(zignsec.ZignSecError):
            start(slow)
        failed.set()

    thread = threading.Thread(target=call)
    thread.start()
    # This needs the GIL, and the stalled call is in flight when the sandbox has it.
    while not sandbox.requests():
        pass
    assert not start(client).is_final
    assert not failed.is_set()
    sandbox.call("reset", {})
    sandbox.stop()
    thread.join()
    assert failed.is_set()


def test_blocked_calls_overlap(sandbox: Sandbox, client: zignsec.Client) -> None:
    session_id = started(client)
    patient = zignsec.Client(
        sandbox.api_key, base_url=sandbox.url, timeout=100, attempt_timeout=100
    )
    sandbox.arm("stall", times=8)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(patient.get_session, session_id) for _ in range(8)]
        # Each is in flight while none has ended.
        until(lambda: len(sandbox.requests()) == 1 + 8)
        assert not any(call.done() for call in calls)
        patient.close()
        for call in calls:
            assert isinstance(call.exception(), zignsec.CallCancelledError)


@pytest.mark.parametrize("options", [(), ("--tls",)], ids=["plain", "tls"])
def test_every_answer_belongs_to_its_question(options: tuple[str, ...]) -> None:
    threads = 10
    with Sandbox(*options) as box:
        client = box.client()

        def work(thread: int) -> None:
            own = f"thread {thread}"
            details = PAGE_EXAMPLE | {"relay_state": own}
            session_id = client.start_phone_2fa("+46703339954", **details).id
            for _ in range(49):
                session = client.get_session(session_id)
                assert (session.id, session.relay_state) == (session_id, own)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
        seen = box.requests()
        assert len(seen) == threads * 50
        assert len({request["connection"] for request in seen}) <= threads


def test_a_closed_client_refuses_calls(client: zignsec.Client) -> None:
    with client as entered:
        assert entered is client
    with pytest.raises(zignsec.InvalidArgumentError, match="closed"):
        client.get_session("a")
    client.close()


def test_a_client_hides_its_key_and_is_not_pickled(sandbox: Sandbox) -> None:
    client = zignsec.Client("very-secret", base_url=sandbox.url)
    assert "very-secret" not in repr(client)
    assert sandbox.url in repr(client)
    with pytest.raises(TypeError):
        pickle.dumps(client)


@pytest.mark.parametrize("number", [-1.0, 0.0, float("nan"), float("inf"), 1e300, 10**400])
def test_odd_time_limits_are_refused(number: float) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="timeout") as caught:
        zignsec.Client("key", timeout=number)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("number", [-1, 2**31, 10**30, -(10**30)])
def test_odd_numbers_of_retries_are_refused(number: int) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="max_retries"):
        zignsec.Client("key", max_retries=number)


def test_a_nul_is_not_sent(sandbox: Sandbox, client: zignsec.Client) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="relay_state"):
        client.start_phone_2fa(
            "+46703339954",
            redirect_success="https://a.example",
            redirect_failure="https://b.example",
            relay_state="a\0b",
        )
    assert sandbox.requests() == []


def test_a_session_that_was_read_is_one_that_python_reads_too() -> None:
    def session(value: str) -> zignsec.Session:
        return zignsec.Session('{"id":"a","status":"pending","new":' + value + "}")

    digits, levels = "1" * 300, "[" * 126 + "]" * 126
    assert session(digits).to_dict()["new"] == int(digits)
    assert session(levels).to_dict()["new"] == json.loads(levels)
    for beyond in ("[" * 5000 + "]" * 5000, "1" * 5000, '"\\ud800"'):
        with pytest.raises(zignsec.ProtocolError):
            session(beyond)


def test_the_manual_is_in_the_interpreter() -> None:
    for item in (zignsec.Client, zignsec.Session, zignsec.Client.start_phone_2fa):
        assert item.__doc__


def test_a_wrong_type_is_a_type_error(client: zignsec.Client) -> None:
    with pytest.raises(TypeError, match="expected str, not int"):
        client.get_session(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_ca_file_is_trusted() -> None:
    with Sandbox("--tls") as box:
        with pytest.raises(zignsec.TLSError):
            start(zignsec.Client(box.api_key, base_url=box.url))
        start(zignsec.Client(box.api_key, base_url=box.url, ca_file=box.ca_file))
        assert box.ca_file is not None
        start(zignsec.Client(box.api_key, base_url=box.url, ca_file=Path(box.ca_file)))
