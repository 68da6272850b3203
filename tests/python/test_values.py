"""Sessions, statuses and exceptions as Python values."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle

import pytest
import zignsec

JSON = '{"id":"a-1","status":"pending","phone_number":"+46703339954","new":[1]}'


def test_a_session_is_a_value() -> None:
    session = zignsec.Session(JSON)
    assert session == zignsec.Session(JSON)
    assert hash(session) == hash(zignsec.Session(JSON))
    assert session != zignsec.Session('{"id":"a-2","status":"pending"}')
    assert pickle.loads(pickle.dumps(session)) == session
    assert copy.deepcopy(session) == session
    assert session.to_dict()["new"] == [1]
    with pytest.raises(AttributeError):
        session.id = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    match session:
        case zignsec.Session(session_id, zignsec.SessionStatus.PENDING):
            assert session_id == "a-1"
        case _:
            pytest.fail("not matched")


def test_the_repr_of_a_session_masks_the_phone_number() -> None:
    shown = repr(zignsec.Session(JSON))
    assert shown == "Session(id='a-1', status='pending', phone_number='+46*****954')"


EVENT = '{"id":"a-1","event":"session_finished","status":"failed","relay_state":"+46703339954"}'


def test_a_webhook_event_is_a_value() -> None:
    event = zignsec.WebhookEvent(EVENT)
    assert event == zignsec.WebhookEvent(EVENT)
    assert hash(event) == hash(zignsec.WebhookEvent(EVENT))
    assert event != zignsec.WebhookEvent('{"id":"a-1"}')
    assert event != zignsec.Session(EVENT)
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.deepcopy(event) == event
    assert event.to_dict()["event"] == event.name == "session_finished"
    with pytest.raises(AttributeError):
        event.name = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(zignsec.ProtocolError):
        zignsec.WebhookEvent("{}")


def test_the_repr_of_a_webhook_event_leaves_the_relay_state_out() -> None:
    shown = repr(zignsec.WebhookEvent(EVENT))
    assert shown == "WebhookEvent(session_id='a-1', name='session_finished', status='failed')"


def test_a_status_is_one_of_nine_words() -> None:
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
def test_an_exception_keeps_everything_when_pickled(
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


def test_values_cross_to_another_process_and_back() -> None:
    values: list[object] = [
        zignsec.Session(JSON),
        zignsec.WebhookEvent(EVENT),
        *zignsec.SessionStatus,
    ]
    errors = [each("what", 24, 429, "body", "r-1", 2.5, 3, True) for each in ERRORS]
    # Nothing is inherited by such a child.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(copy.copy, values) == values
        for error, again in zip(errors, pool.map(copy.deepcopy, errors), strict=True):
            assert type(again) is type(error)
            assert vars(again) == vars(error)


def test_exceptions_stand_in_their_families() -> None:
    assert issubclass(zignsec.InvalidArgumentError, ValueError)
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


def test_the_repr_of_an_exception_leaves_the_body_out() -> None:
    error = zignsec.ServerError("what", 25, 500, "+46703339954")
    assert "3339" not in repr(error)
