"""The client."""

from __future__ import annotations

import copy
import gc
import inspect
import json
import os
import pickle
import re
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import zignsec
from sandbox import Sandbox
from steps import start_session, until
from zignsec import AsyncClient, Client
from zignsec._green import GreenClient

R = TypeVar("R")

PAGE_EXAMPLE = {
    "redirect_success": "https://my_success_url.com",
    "redirect_failure": "https://my_failure_url.com",
    "relay_state": "Tulasi_V5_SMS",
    "webhook": "https://webhook.site/zignsec",
}


def start(client: zignsec.Client) -> zignsec.Session:
    return client.start_phone_2fa("+46703339954", locale="En", **PAGE_EXAMPLE)


def test_session_from_start_to_result(sandbox: Sandbox, client: zignsec.Client) -> None:
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
    assert session.is_verified_for("+46703339954")
    invalid: list[Any] = ["+46700000000", "46703339954", "", "+4670333995\ud800", None]
    assert not any(session.is_verified_for(number) for number in invalid)
    wrong: Any = 46703339954
    with pytest.raises(TypeError, match=r"^phone_number must be str, not int$"):
        session.is_verified_for(wrong)
    assert session.phone_number == "+46703339954"
    assert session.locale == "En"
    assert session.redirect_success == "https://my_success_url.com"
    assert session.redirect_failure == "https://my_failure_url.com"
    assert session.relay_state == "Tulasi_V5_SMS"
    assert session.webhook == "https://webhook.site/zignsec"
    assert session.to_dict()["request_data"]["metadata"] == {"phone_number": "+46703339954"}


def test_omitted_arguments_are_not_sent(sandbox: Sandbox, client: zignsec.Client) -> None:
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


def test_settings_are_read_from_the_environment(
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
    # This loop needs the GIL. The stalled call is running once the sandbox has its request.
    while not sandbox.requests():
        pass
    assert not start(client).is_final
    assert not failed.is_set()
    sandbox.call("reset", {})
    sandbox.stop()
    thread.join()
    assert failed.is_set()


def test_calls_of_several_threads_run_in_parallel(sandbox: Sandbox, client: zignsec.Client) -> None:
    session_id = start_session(client)
    other = zignsec.Client(sandbox.api_key, base_url=sandbox.url, timeout=100, attempt_timeout=100)
    sandbox.arm("stall", times=8)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(other.get_session, session_id) for _ in range(8)]
        # All of them are running.
        until(lambda: len(sandbox.requests()) == 1 + 8)
        assert not any(call.done() for call in calls)
        other.close()
        for call in calls:
            assert isinstance(call.exception(), zignsec.CallCancelledError)


@pytest.mark.parametrize("options", [(), ("--tls",)], ids=["plain", "tls"])
def test_each_response_belongs_to_its_request(options: tuple[str, ...]) -> None:
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


def test_closed_client_raises_closed_error(client: zignsec.Client) -> None:
    with client as entered:
        assert entered is client
    for call in (
        lambda: client.get_session("a"),
        lambda: client.wait_for_session("a"),
        lambda: start(client),
        client.with_options,
        client.__enter__,
    ):
        with pytest.raises(zignsec.ClosedError, match="the client is closed") as caught:
            call()
        assert isinstance(caught.value, RuntimeError)
        assert (caught.value.code, caught.value.attempts) == (3, 0)
    client.close()


def test_repr_hides_the_key_and_pickling_fails(sandbox: Sandbox) -> None:
    client = zignsec.Client("very-secret", base_url=sandbox.url)
    assert "very-secret" not in repr(client)
    assert sandbox.url in repr(client)
    with pytest.raises(TypeError):
        pickle.dumps(client)


@pytest.mark.parametrize("number", [-1.0, 0.0, float("nan"), float("inf"), 1e300, 10**400])
def test_time_limits_out_of_range_are_rejected(number: float) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="timeout") as caught:
        zignsec.Client("key", timeout=number)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("number", [-1, 2**31, 10**30, -(10**30)])
def test_retry_counts_out_of_range_are_rejected(number: int) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="max_retries"):
        zignsec.Client("key", max_retries=number)


def test_nul_is_rejected(sandbox: Sandbox, client: zignsec.Client) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="relay_state"):
        client.start_phone_2fa(
            "+46703339954",
            redirect_success="https://a.example",
            redirect_failure="https://b.example",
            relay_state="a\0b",
        )
    assert sandbox.requests() == []


def test_accepted_session_json_can_be_read_by_python() -> None:
    def session(value: str) -> zignsec.Session:
        return zignsec.Session.from_json('{"id":"a","status":"pending","new":' + value + "}")

    digits, levels = "1" * 300, "[" * 126 + "]" * 126
    assert session(digits).to_dict()["new"] == int(digits)
    assert session(levels).to_dict()["new"] == json.loads(levels)
    for beyond in ("[" * 5000 + "]" * 5000, "1" * 5000, '"\\ud800"'):
        with pytest.raises(zignsec.ProtocolError):
            session(beyond)


def test_public_names_have_docstrings() -> None:
    for item in (zignsec.Client, zignsec.Session, zignsec.Client.start_phone_2fa):
        assert item.__doc__


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api_key", "str"),
        ("secondary_api_key", "str"),
        ("base_url", "str"),
        ("environment", "str"),
        ("auth_scheme", "str"),
        ("timeout", "a number of seconds"),
        ("connect_timeout", "a number of seconds"),
        ("attempt_timeout", "a number of seconds"),
        ("max_retries", "an integer"),
        ("ca_file", "str or os.PathLike"),
        ("client_cert", "a tuple (cert_file, key_file)"),
        ("proxy", "str"),
        ("user_agent", "str"),
    ],
)
def test_wrong_types_of_options_name_the_argument(name: str, expected: str) -> None:
    options: dict[str, Any] = {name: [1]}
    with pytest.raises(TypeError, match=rf"^{name} must be {re.escape(expected)}, not list$"):
        zignsec.Client(**options)


def test_wrong_types_of_arguments_name_the_argument(client: zignsec.Client) -> None:
    start: dict[str, Any] = {"phone_number": "+46703339954", **PAGE_EXAMPLE}
    wrong: Any = [1]
    for name in (*start, "locale", "csrf_token"):
        with pytest.raises(TypeError, match=f"^{name} must be str, not list$"):
            client.start_phone_2fa(**{**start, name: wrong})
    with pytest.raises(TypeError, match=r"^session_id must be str, not list$"):
        client.get_session(wrong)
    with pytest.raises(TypeError, match=r"^session_id must be str, not list$"):
        client.wait_for_session(wrong)
    for name in ("timeout", "poll_interval"):
        with pytest.raises(TypeError, match=f"^{name} must be a number of seconds, not list$"):
            client.wait_for_session("a", **{name: wrong})
    with pytest.raises(TypeError, match=r"^on_poll must be callable or None, not list$"):
        client.wait_for_session("a", on_poll=wrong)
    with pytest.raises(TypeError, match=r"^timeout must be a number of seconds, not list$"):
        client.with_options(timeout=wrong)
    with pytest.raises(TypeError, match=r"^max_retries must be an integer, not list$"):
        client.with_options(max_retries=wrong)
    minute: Any = timedelta(minutes=1)
    for call in (
        lambda: zignsec.Client(timeout=minute),
        lambda: client.with_options(timeout=minute),
        lambda: client.wait_for_session("a", timeout=minute),
    ):
        with pytest.raises(
            TypeError, match=r"^timeout .*, such as its total_seconds\(\), not timed"
        ):
            call()
    one_path: Any = ("cert.pem",)
    with pytest.raises(TypeError, match=r"^client_cert must contain two paths$"):
        zignsec.Client(client_cert=one_path)
    with pytest.raises(TypeError, match=r"^client_cert\[1\] must be str or os.PathLike, not list$"):
        zignsec.Client(client_cert=("cert.pem", wrong))
    with pytest.raises(TypeError, match=r"^text must be str, not list$"):
        zignsec.Session.from_json(wrong)


def test_unknown_option_is_rejected() -> None:
    options: dict[str, Any] = {"time_out": None}
    for client in (zignsec.Client, zignsec.AsyncClient):
        with pytest.raises(
            TypeError,
            match=r"^Client.__init__\(\) got an unexpected keyword argument 'time_out'$",
        ):
            client("key", **options)
    opened = zignsec.Client("key", base_url="http://127.0.0.1:1")
    for call in (
        lambda: opened.start_phone_2fa("a", redirect_success="", redirect_failure="", **options),
        lambda: opened.get_session("a", **options),
        lambda: opened.wait_for_session("a", **options),
        lambda: opened.with_options(**options),
        lambda: zignsec.verify_webhook(b"", "", "secret", **options),
        lambda: zignsec.Session.from_json("{}", **options),
    ):
        with pytest.raises(TypeError, match="got an unexpected keyword argument 'time_out'"):
            call()


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_options_count_as_not_given(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, empty: str | None
) -> None:
    monkeypatch.setenv("ZIGNSEC_API_KEY", sandbox.api_key)
    monkeypatch.setenv("ZIGNSEC_BASE_URL", sandbox.url)
    names = ("secondary_api_key", "base_url", "environment", "auth_scheme", "proxy", "user_agent")
    options: dict[str, Any] = dict.fromkeys((*names, "ca_file"), empty)
    assert not start(zignsec.Client(empty, **options)).is_final
    assert sandbox.requests()[0]["headers"]["user-agent"].startswith("zignsec/")


def test_ca_file_is_trusted() -> None:
    with Sandbox("--tls") as box:
        with pytest.raises(zignsec.TLSError):
            start(zignsec.Client(box.api_key, base_url=box.url))
        start(zignsec.Client(box.api_key, base_url=box.url, ca_file=box.ca_file))
        assert box.ca_file is not None
        start(zignsec.Client(box.api_key, base_url=box.url, ca_file=Path(box.ca_file)))


@pytest.mark.parametrize("separator", sorted({os.sep, "/"}))
def test_ca_file_may_have_any_letters_and_both_slashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str
) -> None:
    folder = tmp_path / "Zertifikate å 漢"
    folder.mkdir()
    with Sandbox("--tls") as box:
        assert box.ca_file is not None
        name = str(shutil.copy(box.ca_file, folder / "ä.pem")).replace(os.sep, separator)
        start(zignsec.Client(box.api_key, base_url=box.url, ca_file=name))
        monkeypatch.setenv("SSL_CERT_FILE", name)
        start(zignsec.Client(box.api_key, base_url=box.url))
        with pytest.raises(zignsec.ConfigurationError, match=r"ä\.pemx"):
            zignsec.Client(box.api_key, base_url=box.url, ca_file=f"{name}x")


class Metered(zignsec.Client):
    """A subclass with its own ``__init__``."""

    def __init__(self, region: str, *, count: int = 0, **options: Any) -> None:
        super().__init__("key-of-" + region, **options)
        self.region = region
        self.count = count

    def get_session(self, session_id: str) -> zignsec.Session:
        self.count += 1
        return super().get_session(session_id)


class Plain(zignsec.Client):
    """A subclass with the ``__init__`` of Client."""


def test_client_can_be_subclassed(sandbox: Sandbox) -> None:
    with Metered("eu", base_url=sandbox.url, timeout=5, count=3) as client:
        assert isinstance(client, Metered)
        assert repr(client) == f"<{__name__}.Metered base_url='{sandbox.url}'>"
        with pytest.raises(zignsec.AuthenticationError):
            client.get_session("a")
        assert client.count == 4
        other = client.with_options(max_retries=0)
        assert type(other) is Metered
        assert (other.region, other.count) == ("eu", 4)
        with pytest.raises(zignsec.AuthenticationError):
            other.get_session("a")
        # The attributes were copied.
        assert (client.count, other.count) == (4, 5)
        for each in (client, other):
            with pytest.raises(TypeError, match="cannot pickle"):
                pickle.dumps(each)
            with pytest.raises(TypeError, match="cannot pickle"):
                copy.copy(each)
    with pytest.raises(zignsec.ClosedError):
        client.get_session("a")
    assert repr(client) == f"<{__name__}.Metered base_url='{sandbox.url}'>"
    # Closed separately.
    with pytest.raises(zignsec.AuthenticationError):
        other.get_session("a")
    with pytest.raises(TypeError, match="unexpected keyword argument 'time_out'"):
        Metered("eu", time_out=1)

    plain = Plain(sandbox.api_key, base_url=sandbox.url)
    assert type(plain.with_options()) is Plain
    assert list(inspect.signature(Plain).parameters)[:2] == ["api_key", "secondary_api_key"]
    assert list(inspect.signature(Metered).parameters) == ["region", "count", "options"]
    assert plain != Plain(sandbox.api_key, base_url=sandbox.url)
    assert len({plain, plain.with_options()}) == 2


def test_subclass_without_init_call_raises_a_clear_error() -> None:
    class Forgetful(zignsec.Client):
        def __init__(self) -> None:
            pass

    client = Forgetful()
    assert "not initialised" in repr(client)
    for call in (
        lambda: client.get_session("a"),
        client.with_options,
        client.__enter__,
    ):
        with pytest.raises(RuntimeError, match=r"call super\(\).__init__\(\)"):
            call()
    client.close()


def test_subclass_may_override_new_and_init_may_run_again(sandbox: Sandbox) -> None:
    class Singleton(zignsec.Client):
        created: list[zignsec.Client] = []  # noqa: RUF012

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            if not cls.created:
                cls.created.append(super().__new__(cls, *args, **kwargs))
            return cls.created[0]

    first = Singleton("wrong", base_url=sandbox.url)
    with pytest.raises(zignsec.AuthenticationError):
        first.get_session("a")
    second = Singleton(sandbox.api_key, base_url=sandbox.url)
    assert second is first
    with pytest.raises(zignsec.NotFoundError):
        first.get_session("a")
    # An __init__ that fails changes nothing.
    with pytest.raises(zignsec.ConfigurationError):
        first.__init__("a key")
    with pytest.raises(zignsec.NotFoundError):
        first.get_session("a")


def test_objects_can_be_weakly_referenced(client: zignsec.Client) -> None:
    session = zignsec.Session.from_json('{"id":"a","status":"pending"}')
    event = zignsec.WebhookEvent.from_json('{"id":"a"}')
    values: list[Any] = [
        client,
        client.with_options(),
        Plain("key", base_url="http://127.0.0.1:1"),
        zignsec.AsyncClient("key", base_url="http://127.0.0.1:1"),
        session,
        event,
    ]
    references = [weakref.ref(each) for each in values]
    assert [each() for each in references] == values
    cache = weakref.WeakValueDictionary({"a": session})
    assert weakref.WeakKeyDictionary({event: 1})[event] == 1
    assert cache["a"] is session
    # Attributes of clients only: sessions and events stay immutable.
    client.note = "a"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    for value in (session, event):
        with pytest.raises(AttributeError):
            value.note = "a"  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
        assert not hasattr(value, "__dict__")
    del values, session, event, value
    gc.collect()
    assert [each() for each in references[1:]] == [None] * 5
    assert "a" not in cache


Arguments = list[tuple[str, object, object]]


def methods(client: type[object]) -> dict[str, Arguments]:
    def arguments(method: str) -> Arguments:
        parameters = list(inspect.signature(getattr(client, method)).parameters.values())
        return [(each.name, each.kind, each.default) for each in parameters if each.name != "self"]

    return {name: arguments(name) for name in dir(client) if not name.startswith("_")}


def test_clients_for_event_loops_have_the_methods_and_arguments_of_client() -> None:
    expected = methods(Client)
    assert {"start_phone_2fa", "get_session", "wait_for_session", "with_options"} < expected.keys()
    assert len(expected["start_phone_2fa"]) == 7
    assert methods(GreenClient) == expected
    asynchronous = methods(AsyncClient)
    asynchronous["close"] = asynchronous.pop("aclose")
    assert asynchronous == expected


class NoThreadClient(GreenClient):
    """A thread pool that cannot start a thread, but has queued the function for one that exists."""

    def __init__(self, sandbox: Sandbox, *, has_thread: bool) -> None:
        super().__init__(sandbox.api_key, base_url=sandbox.url)
        self.has_thread = has_thread
        self.queued: list[Callable[[], object]] = []

    def _in_thread(self, function: Callable[[], None]) -> None:
        self.queued.append(function)
        if self.has_thread:
            threading.Thread(target=function).start()
            until(lambda: function._state)  # type: ignore[attr-defined]  # pyright: ignore
        raise RuntimeError("can't start new thread")

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _spawn(self, function: Callable[[], R]) -> R:
        return function()

    def _wait_for(self, greenlet: R, seconds: float | None) -> R:  # noqa: ARG002
        return greenlet


def test_greenlet_call_without_a_thread_is_an_error_and_is_not_sent_later(sandbox: Sandbox) -> None:
    with NoThreadClient(sandbox, has_thread=False) as client:
        with pytest.raises(zignsec.APIConnectionError, match="could not start a thread") as caught:
            start_session(client)  # type: ignore[arg-type]  # pyright: ignore
        assert not caught.value.in_doubt
        # A thread that is free later must not make the call.
        (queued,) = client.queued
        queued()
    assert sandbox.requests() == []


def test_greenlet_call_that_a_thread_has_begun_is_waited_for(sandbox: Sandbox) -> None:
    with NoThreadClient(sandbox, has_thread=True) as client:
        assert start_session(client)  # type: ignore[arg-type]  # pyright: ignore
    assert len(sandbox.requests()) == 1
