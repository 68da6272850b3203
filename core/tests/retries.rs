//! Which requests are retried, as counted by the gateway, and how waits end.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use common::arm;
use serde_json::json;
use zignsec::bindings::{self, Wait};
use zignsec::{Client, Error, ErrorKind, Phone2faRequest, WaitOptions};
use zignsec_sandbox::{Action, Fault, Sandbox, ScriptedAnswer};

fn client(sandbox: &Sandbox) -> Client {
    Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap()
}

fn request() -> Phone2faRequest {
    Phone2faRequest::new("+46701740605")
        .redirect_success("https://a.example/ok")
        .redirect_failure("https://a.example/no")
}

/// The number of requests with this method that the sandbox received.
fn request_count(sandbox: &Sandbox, method: &str) -> usize {
    sandbox.requests().iter().filter(|request| request.method == method).count()
}

#[test]
fn a_lookup_is_retried_only_after_transient_errors() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    let id = client.start_phone_2fa(&request()).unwrap().id().to_owned();
    for fault in [
        "http-408",
        "http-425",
        "http-500",
        "http-502",
        "http-503",
        "http-504",
        "http-520",
        "http-599",
        "rate-limited-seconds",
        "reset",
    ] {
        sandbox.clear_faults();
        let before = request_count(&sandbox, "GET");
        arm(&sandbox, &json!({"fault": fault}));
        client.get_session(&id).unwrap_or_else(|error| panic!("{fault}: {error:?}"));
        assert_eq!(request_count(&sandbox, "GET") - before, 2, "{fault}");
    }
    for fault in ["http-400", "http-404", "http-501", "http-505", "not-json", "redirect"] {
        sandbox.clear_faults();
        let before = request_count(&sandbox, "GET");
        arm(&sandbox, &json!({"fault": fault}));
        assert_eq!(client.get_session(&id).unwrap_err().attempts(), 1, "{fault}");
        assert_eq!(request_count(&sandbox, "GET") - before, 1, "{fault}");
    }
}

#[test]
fn starting_a_session_is_retried_only_after_a_retry_after() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    for fault in ["http-500", "http-502", "http-503", "http-504", "http-429", "reset", "cut-body"] {
        sandbox.reset();
        arm(&sandbox, &json!({"fault": fault}));
        let error = client.start_phone_2fa(&request()).unwrap_err();
        assert_eq!(error.attempts(), 1, "{fault}");
        assert_eq!(request_count(&sandbox, "POST"), 1, "{fault}");
        assert_eq!(error.in_doubt(), fault != "http-429", "{fault}");
    }
    for fault in ["rate-limited-seconds", "rate-limited-date", "unavailable-retry-after"] {
        sandbox.reset();
        arm(&sandbox, &json!({"fault": fault}));
        client.start_phone_2fa(&request()).unwrap_or_else(|error| panic!("{fault}: {error:?}"));
        assert_eq!(request_count(&sandbox, "POST"), 2, "{fault}");
        assert_eq!(sandbox.sessions().len(), 1, "{fault}");
    }
}

#[test]
fn the_last_error_is_returned_after_the_last_attempt() {
    let sandbox = Sandbox::start().unwrap();
    arm(&sandbox, &json!({"fault": "http-500", "times": 4}));
    let error = client(&sandbox).with_max_retries(3).get_session("a").unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 4));
    assert_eq!(request_count(&sandbox, "GET"), 4);
}

#[test]
fn a_retry_after_beyond_the_timeout_is_not_waited_for() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    let response = ScriptedAnswer::new(429, "{}").header("retry-after", "3600");
    sandbox.arm(Fault::Answer(response), 2).unwrap();
    for outcome in [client.get_session("a"), client.start_phone_2fa(&request())] {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    }
}

fn fast_options<'a>() -> WaitOptions<'a> {
    WaitOptions::default().poll_interval(Duration::from_millis(20))
}

#[test]
fn a_wait_continues_after_transient_errors() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox).with_max_retries(0);
    let id = client.start_phone_2fa(&request()).unwrap().id().to_owned();
    arm(&sandbox, &json!({"fault": "http-503", "times": 2}));
    arm(&sandbox, &json!({"fault": "reset", "times": 2}));
    let polls = std::cell::Cell::new(0);
    let options = fast_options().on_poll(|session, _| {
        polls.set(polls.get() + 1);
        if polls.get() == 2 {
            sandbox.user(session.id(), Action::Accept).unwrap();
        }
        ControlFlow::Continue(())
    });
    assert!(client.wait_for_session(&id, &options).unwrap().is_verified());
    assert_eq!(polls.get(), 3);
    assert_eq!(request_count(&sandbox, "GET"), 7);
}

#[test]
fn a_wait_continues_after_two_refusals_and_ends_after_three() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    let id = client.start_phone_2fa(&request()).unwrap().id().to_owned();
    let refusals = ["not-json", "empty-body", "http-403", "http-404"];
    for pair in refusals.windows(2) {
        pair.iter().for_each(|fault| arm(&sandbox, &json!({"fault": fault})));
        let options = fast_options().on_poll(|_, _| ControlFlow::Break(()));
        let error = client.wait_for_session(&id, &options).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Cancelled, 3), "{pair:?}");
    }
    refusals.iter().for_each(|fault| arm(&sandbox, &json!({"fault": fault})));
    let error = client.wait_for_session(&id, &fast_options()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Permission, 3));
    sandbox.clear_faults();
    arm(&sandbox, &json!({"fault": "http-401"}));
    let error = client.wait_for_session(&id, &fast_options()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Authentication, 1));
}

#[test]
fn a_wait_that_times_out_reports_the_last_status_and_error() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox).with_max_retries(0);
    let id = client.start_phone_2fa(&request()).unwrap().id().to_owned();
    arm(&sandbox, &json!({"fault": "http-503", "times": 1}));
    let limit = Duration::from_millis(300);
    let start = Instant::now();
    let error = client.wait_for_session(&id, &fast_options().timeout(limit)).unwrap_err();
    assert!(start.elapsed() >= limit);
    assert_eq!(error.kind(), ErrorKind::WaitTimeout);
    assert!(error.message().contains("pending") && error.message().contains("503"), "{error}");
    assert_eq!(error.attempts() as usize, request_count(&sandbox, "GET"));

    // A Retry-After that is longer than the wait ends it at once.
    let response = ScriptedAnswer::new(429, "{}").header("retry-after", "3600");
    sandbox.arm(Fault::Answer(response), 1).unwrap();
    let error = client.wait_for_session(&id, &fast_options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WaitTimeout);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
}

#[test]
fn a_wait_ends_after_permanent_errors_and_when_it_is_cancelled() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    let id = client.start_phone_2fa(&request()).unwrap().id().to_owned();
    let kind = |outcome: Result<_, Error>| outcome.unwrap_err().kind();
    assert_eq!(kind(client.wait_for_session("b", &fast_options())), ErrorKind::NotFound);
    assert_eq!(kind(client.wait_for_session("a/b", &fast_options())), ErrorKind::InvalidArgument);
    let zero = fast_options().timeout(Duration::ZERO);
    assert_eq!(kind(client.wait_for_session(&id, &zero)), ErrorKind::InvalidArgument);
    let break_at_once = fast_options().on_poll(|_, _| ControlFlow::Break(()));
    assert_eq!(kind(client.wait_for_session(&id, &break_at_once)), ErrorKind::Cancelled);

    let other = client.duplicate();
    let cancelling = fast_options().on_poll(|_, _| {
        client.cancel();
        ControlFlow::Continue(())
    });
    assert_eq!(kind(client.wait_for_session(&id, &cancelling)), ErrorKind::Cancelled);
    let cancelling = fast_options().timeout(Duration::from_millis(200)).on_poll(|_, _| {
        client.cancel();
        ControlFlow::Continue(())
    });
    assert_eq!(kind(other.wait_for_session(&id, &cancelling)), ErrorKind::WaitTimeout);
}

#[test]
fn polling_step_by_step_ends_like_a_blocking_wait() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox).with_max_retries(0);
    let id = client.start_phone_2fa(&request()).unwrap().id().to_owned();
    let limit = Duration::from_millis(300);
    let mut wait = Wait::begin(&fast_options().timeout(limit)).unwrap();
    arm(&sandbox, &json!({"fault": "http-503"}));
    assert_eq!(bindings::poll(&client, &mut wait, &id).unwrap(), None);
    let error = loop {
        match bindings::poll(&client, &mut wait, &id) {
            Ok(session) => assert!(!session.unwrap().is_final()),
            Err(error) => break error,
        }
        std::thread::sleep(wait.pause().unwrap());
    };
    assert!(wait.elapsed() >= limit);
    assert_eq!(error.kind(), ErrorKind::WaitTimeout);
    assert!(error.message().contains("pending") && error.message().contains("503"), "{error}");
    assert_eq!(error.attempts() as usize, request_count(&sandbox, "GET"));

    let mut wait = Wait::begin(&fast_options()).unwrap();
    assert!(bindings::poll(&client, &mut wait, &id).unwrap().is_some());
    assert!(wait.pause().unwrap() < Duration::from_millis(30));
    assert_eq!((wait.cancelled().kind(), wait.cancelled().attempts()), (ErrorKind::Cancelled, 1));
    let response = ScriptedAnswer::new(429, "{}").header("retry-after", "3600");
    sandbox.arm(Fault::Answer(response), 1).unwrap();
    assert_eq!(bindings::poll(&client, &mut wait, &id).unwrap(), None);
    assert_eq!(wait.pause().unwrap_err().kind(), ErrorKind::WaitTimeout);
}

#[test]
fn a_call_on_a_closed_client_is_an_error_and_its_duplicate_still_works() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    let other = client.duplicate();
    bindings::close(&client);
    let error = client.start_phone_2fa(&request()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Closed, 0));
    assert!(error.message().contains("closed"), "{error}");
    assert!(sandbox.requests().is_empty());
    other.start_phone_2fa(&request()).unwrap();
}

#[test]
fn a_call_whose_time_was_over_before_it_got_a_thread_sends_nothing() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key())
        .base_url(sandbox.url())
        .timeout(Duration::from_millis(1))
        .build()
        .unwrap();
    let (late, limit) = bindings::begin_call(&client);
    assert_eq!(limit, Duration::from_millis(1));
    std::thread::sleep(limit);
    let error = late.get_session("a").unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.in_doubt()), (ErrorKind::Timeout, 0, false));
    // The limit belongs to that duplicate, and to its own duplicates.
    assert_eq!(late.duplicate().get_session("a").unwrap_err().attempts(), 0);
    let next = client.with_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(next.get_session("a").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(sandbox.requests().len(), 1);
}
