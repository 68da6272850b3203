"""Sessions, statuses and exceptions as Python values."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle

import pytest
import zignsec

JSON = '{"id":"a-1","status":"pending","phone_number":"+46703339954","new":[1]}'


def test_session_is_a_value() -> None:
    session = zignsec.Session.from_json(JSON)
    assert session == zignsec.Session.from_json(JSON)
    assert hash(session) == hash(zignsec.Session.from_json(JSON))
    assert session != zignsec.Session.from_json('{"id":"a-2","status":"pending"}')
    assert pickle.loads(pickle.dumps(session)) == session
    # Restricted unpicklers accept only names of the package.
    assert b"getattr" not in pickle.dumps(session)
    assert copy.deepcopy(session) == session
    assert session.json == JSON
    assert session.to_dict()["new"] == [1]
    with pytest.raises(TypeError):
        zignsec.Session()
    with pytest.raises(AttributeError):
        session.id = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    match session:
        case zignsec.Session(session_id, zignsec.SessionStatus.PENDING):
            assert session_id == "a-1"
        case _:
            pytest.fail("not matched")


def test_repr_of_session_masks_the_phone_number() -> None:
    shown = repr(zignsec.Session.from_json(JSON))
    assert shown == "Session(id='a-1', status='pending', phone_number='+46*****954')"


EVENT = '{"id":"a-1","event":"session_finished","status":"failed","relay_state":"+46703339954"}'


def test_webhook_event_is_a_value() -> None:
    event = zignsec.WebhookEvent.from_json(EVENT)
    assert event == zignsec.WebhookEvent.from_json(EVENT)
    assert hash(event) == hash(zignsec.WebhookEvent.from_json(EVENT))
    assert event != zignsec.WebhookEvent.from_json('{"id":"a-1"}')
    assert event != zignsec.Session.from_json(EVENT)
    assert pickle.loads(pickle.dumps(event)) == event
    assert b"getattr" not in pickle.dumps(event)
    assert copy.deepcopy(event) == event
    assert event.json == EVENT
    assert event.to_dict()["event"] == event.name == "session_finished"
    with pytest.raises(AttributeError):
        event.name = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(zignsec.ProtocolError):
        zignsec.WebhookEvent.from_json("{}")


def test_repr_of_webhook_event_omits_the_relay_state() -> None:
    shown = repr(zignsec.WebhookEvent.from_json(EVENT))
    assert shown == "WebhookEvent(session_id='a-1', name='session_finished', status='failed')"


def test_session_status_has_nine_values() -> None:
    assert [str(status) for status in zignsec.SessionStatus] == [
        "unknown",
        "created",
        "pending",
        "accepted",
        "finished",
        "failed",
        "cancelled",
        "declined",
        "timeout",
    ]
    assert pickle.loads(pickle.dumps(zignsec.SessionStatus.PENDING)) is not None


ERRORS = [
    value
    for value in vars(zignsec).values()
    if inspect.isclass(value) and issubclass(value, zignsec.ZignSecError)
]


@pytest.mark.parametrize("error_class", ERRORS, ids=lambda each: each.__name__)
def test_pickled_exception_keeps_all_attributes(
    error_class: type[zignsec.ZignSecError],
) -> None:
    assert error_class.__module__ == "zignsec"
    error = error_class("what", 24, 429, "body", "r-1", 2.5, 3, True)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is error_class
    assert vars(again) == vars(error)
    assert str(again) == "what"
    assert error_class().in_doubt is False
    assert error_class is zignsec.ZignSecError or error_class().code > 0


def test_values_can_be_sent_to_another_process() -> None:
    values: list[object] = [
        zignsec.Session.from_json(JSON),
        zignsec.WebhookEvent.from_json(EVENT),
        *zignsec.SessionStatus,
    ]
    errors = [each("what", 24, 429, "body", "r-1", 2.5, 3, True) for each in ERRORS]
    # A spawned child inherits nothing.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(copy.copy, values) == values
        for error, again in zip(errors, pool.map(copy.deepcopy, errors), strict=True):
            assert type(again) is type(error)
            assert vars(again) == vars(error)


def test_exception_hierarchy() -> None:
    assert issubclass(zignsec.InvalidArgumentError, ValueError)
    assert issubclass(zignsec.ClosedError, RuntimeError)
    assert issubclass(zignsec.APITimeoutError, TimeoutError)
    assert issubclass(zignsec.APITimeoutError, zignsec.APIConnectionError)
    assert issubclass(zignsec.TLSError, zignsec.APIConnectionError)
    assert issubclass(zignsec.ProtocolError, zignsec.APIConnectionError)
    assert issubclass(zignsec.WaitTimeoutError, TimeoutError)
    for status_error in (
        zignsec.BadRequestError,
        zignsec.AuthenticationError,
        zignsec.PermissionDeniedError,
        zignsec.NotFoundError,
        zignsec.RateLimitError,
        zignsec.ServerError,
    ):
        assert issubclass(status_error, zignsec.APIStatusError)


def test_repr_of_webhook_event_masks_its_name() -> None:
    event = zignsec.WebhookEvent.from_json('{"id":"a","event":"call\\u202e +46 70 333-99 54"}')
    assert event.name == "call\u202e +46 70 333-99 54"
    assert "call +46*****954" in repr(event)


def test_repr_of_exception_omits_the_body() -> None:
    error = zignsec.ServerError("what", 25, 500, "+46703339954")
    assert "3339" not in repr(error)
