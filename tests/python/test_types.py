"""The type annotations. mypy and pyright check this file; pytest does not run the calls."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

import zignsec

if TYPE_CHECKING:
    from typing_extensions import assert_type

    def of_a_client(client: zignsec.Client) -> None:
        session = client.start_phone_2fa("+46701740605", redirect_success="", redirect_failure="")
        assert_type(session, zignsec.Session)
        assert_type(client.get_session(session.id), zignsec.Session)
        assert_type(client.wait_for_session(session.id, on_poll=polled), zignsec.Session)
        assert_type(client.with_options(timeout=1, max_retries=0), zignsec.Client)
        with client as entered:
            assert_type(entered, zignsec.Client)
        # Required arguments are checked, and only the phone number is positional.
        client.start_phone_2fa("+46701740605")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        client.start_phone_2fa("+46701740605", "", "")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        client.wait_for_session(session.id, 5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        zignsec.Client(auth_scheme="bearer")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        zignsec.Client(environment="staging")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def polled(session: zignsec.Session, elapsed: float) -> bool:
        assert_type(session.is_final, bool)
        return elapsed < 1

    async def of_an_async_client(client: zignsec.AsyncClient) -> None:
        start = client.start_phone_2fa
        session = await start("+46701740605", redirect_success="", redirect_failure="")
        assert_type(session, zignsec.Session)
        assert_type(await client.get_session("id"), zignsec.Session)
        assert_type(await client.wait_for_session("id"), zignsec.Session)
        async with client as entered:
            assert_type(entered, zignsec.AsyncClient)
        # The arguments are checked as those of Client.
        assert_type(zignsec.AsyncClient("key", timeout=1), zignsec.AsyncClient)
        zignsec.AsyncClient("key", time_out=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        zignsec.AsyncClient(auth_scheme="bearer")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await client.start_phone_2fa("+46701740605")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        assert_type(client.with_options(timeout=1, max_retries=0), zignsec.AsyncClient)
        await client.wait_for_session("id", timeout="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    class Metered(zignsec.Client):
        def __init__(self, region: str, *, timeout: float = 5) -> None:
            super().__init__("key-of-" + region, timeout=timeout)
            self.region = region

    class AsyncMetered(zignsec.AsyncClient):
        def __init__(self, region: str) -> None:
            super().__init__("key-of-" + region, timeout=5)

    async def of_subclasses() -> None:
        client = Metered("eu", timeout=1)
        assert_type(client.with_options(timeout=1), Metered)
        with client as entered:
            assert_type(entered.region, str)
        Metered()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        async_client = AsyncMetered("eu")
        assert_type(async_client.with_options(timeout=1), AsyncMetered)
        async with async_client as async_entered:
            assert_type(async_entered, AsyncMetered)

    def of_a_session(session: zignsec.Session) -> None:
        assert_type(session.id, str)
        assert_type(session.status, zignsec.SessionStatus)
        assert_type(session.status_text, str)
        assert_type(session.redirect_url, str | None)
        assert_type(session.is_verified, bool)
        assert_type(session.to_dict(), dict[str, Any])
        assert_type(zignsec.Session.from_json(session.json), zignsec.Session)
        match session.status:
            case zignsec.SessionStatus.PENDING:
                assert_type(session.status, Literal[zignsec.SessionStatus.PENDING])
            case _:
                pass
        session.id = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]

    def of_the_module() -> None:
        assert_type(zignsec.get_session("id"), zignsec.Session)
        zignsec.get_session()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        event = zignsec.verify_webhook(b"", None, "secret", tolerance=None)
        assert_type(event, zignsec.WebhookEvent)
        zignsec.verify_webhook(b"", None, "secret", now=1700000000.5)
        zignsec.verify_webhook(b"", None, "secret", now=datetime.now(timezone.utc))
        zignsec.verify_webhook(b"", None, "secret", now="2023")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert_type(zignsec.reset_default_client(), None)
        assert_type(event.relay_state, str | None)

    def of_an_error(error: zignsec.ZignSecError) -> None:
        assert_type(error.message, str)
        assert_type(error.code, int)
        assert_type(error.status_code, int | None)
        assert_type(error.retry_after, float | None)
        assert_type(error.in_doubt, bool)


def test_package_is_marked_as_typed() -> None:
    from importlib.resources import files

    assert files(zignsec).joinpath("py.typed").is_file()
