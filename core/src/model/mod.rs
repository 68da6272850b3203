//! A model of one call, checked exhaustively with stateright.
//!
//! The model is the gateway and the network: at each point where a call depends on them, they can do
//! anything that the enum [`Event`] lists. The call is not modelled. Each state is reached by making
//! a real call of a real [`Client`](crate::Client), from its arguments to the bytes on a connection
//! and back, with these events: the retry loop, the rotation of keys, the pool, the HTTP reader, the
//! classification of errors and the decoder are real. If a call needs one more event
//! than the state has, the events that are possible there are the actions of the state.
//!
//! Limits: up to two retries, one or two keys, a new or an idle connection at the start. Pauses
//! take no time; a gateway that asks for a longer pause than the call has left is one of the events.
//! With no retry, and with one retry of a start, every history is a separate state. With more
//! retries, histories are merged at the end of an attempt if the [`Record`](network::Record) of the
//! gateway is the same: it contains all that a call may know of its earlier attempts. A lookup has
//! more histories, because it is repeated if an idle connection was stale.

mod call;
mod network;

use std::fmt;
use std::hash::{Hash, Hasher};

use stateright::{Checker, Model, Property};

use call::{Call, Ending, Request, run};
use network::{Event, OnRead, Question, Response};

/// What has happened in a call so far.
#[derive(Clone)]
struct State {
    call: Call,
    events: Vec<Event>,
    /// The first event that is part of the identity of the state.
    first: usize,
    /// What the call depends on next. `None` when it has returned.
    question: Option<Question>,
    /// When it has returned.
    ending: Option<Ending>,
    /// As the gateway sees it.
    gateway: network::Record,
}

impl State {
    fn new(call: Call, events: Vec<Event>) -> Self {
        let (question, ending, gateway) = run(&call, &events);
        let first = match call.max_retries {
            retries if retries < merged_from(call.request) => 0,
            _ => {
                let before = if ending.is_some() { events.len() - 1 } else { events.len() };
                let last = events[..before].iter().rposition(|event| event.ends_attempt());
                last.map_or(0, |last| last + 1)
            }
        };
        Self { call, events, first, question, ending, gateway }
    }

    fn identity(&self) -> impl Hash + Eq {
        let events = &self.events[self.first..];
        (self.call, events, self.question, &self.ending, &self.gateway)
    }

    fn is_start(&self) -> bool {
        self.call.request == Request::Start
    }

    /// Whether the call returned, and `is_so` of its ending.
    fn ended(&self, is_so: impl Fn(&Ending) -> bool) -> bool {
        self.ending.as_ref().is_some_and(is_so)
    }

    /// Whether the last event is a whole response, and `is_so` of that.
    fn last_was(&self, is_so: impl Fn(Response) -> bool) -> bool {
        self.events.last().and_then(Event::response).is_some_and(is_so)
    }

    /// Whether the call returned a session.
    fn succeeded(&self) -> bool {
        self.ended(|ending| ending.session.is_some())
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity().hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} -> {:?} {:?}", self.call, self.events, self.ending, self.gateway)
    }
}

/// With this many retries or more, histories are merged.
fn merged_from(request: Request) -> u32 {
    match request {
        Request::Start => 2,
        Request::Lookup => 1,
    }
}

/// All calls with one of these requests.
struct Calls(Request);

impl Model for Calls {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        Call::all(self.0).map(|call| State::new(call, Vec::new())).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Event>) {
        if let Some(question) = state.question {
            actions.extend(question.answers());
        }
    }

    fn next_state(&self, state: &State, event: Event) -> Option<State> {
        let mut events = state.events.clone();
        events.push(event);
        Some(State::new(state.call, events))
    }

    /// One attempt more than is allowed is enough to see it.
    fn within_boundary(&self, state: &State) -> bool {
        state.gateway.attempts <= 1 + state.call.max_retries + state.call.keys + state.gateway.stale
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = always();
        properties.extend(match self.0 {
            Request::Start => sometimes_in_a_start(),
            Request::Lookup => sometimes_in_a_lookup(),
        });
        properties
    }
}

/// What holds in every state.
fn always() -> Vec<Property<Calls>> {
    vec![
        Property::eventually("the call returns", |_, state: &State| state.ending.is_some()),
        Property::always("one call never creates two sessions", |_, state: &State| {
            state.gateway.sessions <= 1
        }),
        Property::always(
            "in_doubt if and only if a session may exist that the caller did not get",
            |_, state: &State| match &state.ending {
                Some(ending) if ending.session.is_none() => {
                    ending.in_doubt == (state.gateway.sessions == 1)
                }
                Some(_) => !state.is_start() || state.gateway.sessions == 1,
                None => true,
            },
        ),
        Property::always("a lookup is never in doubt", |_, state: &State| {
            state.is_start() || !state.ended(|ending| ending.in_doubt)
        }),
        Property::always(
            "verified if and only if a lookup returned it for this id, without contradiction",
            |_, state: &State| {
                let is_evidence = !state.is_start() && state.last_was(Response::verifies);
                !state.succeeded() || state.ended(|ending| ending.is_verified) == is_evidence
            },
        ),
        Property::always(
            "verified for a number if and only if a lookup returned it for that number",
            |_, state: &State| {
                let is_evidence =
                    !state.is_start() && state.last_was(Response::verifies_the_number);
                !state.succeeded()
                    || state.ended(|ending| ending.is_verified_for_number) == is_evidence
            },
        ),
        Property::always("no caller gets the session of another request", |_, state: &State| {
            !state.succeeded()
                || state.last_was(|response| response.is_session_of(state.call.request))
        }),
        Property::always(
            "attempts are at most 1 + max_retries + one for the second key + one for each reused \
             connection of a lookup that broke",
            |_, s: &State| {
                let second_key = s.gateway.unauthorized.min(s.call.keys - 1);
                s.gateway.attempts <= 1 + s.call.max_retries + second_key + s.gateway.stale
            },
        ),
        Property::always(
            "the attempts that are reported are those that were made",
            |_, state: &State| {
                !state.ended(|ending| {
                    ending.session.is_none() && ending.attempts != state.gateway.attempts
                })
            },
        ),
        Property::always(
            "a second key is sent only after a 401 for the first",
            |_, state: &State| u32::from(state.gateway.key_changes) <= state.gateway.unauthorized,
        ),
        Property::always("nothing is sent after the call was cancelled", |_, state: &State| {
            !state.gateway.sent_after_cancelling
        }),
        Property::always(
            "an attempt after a lost connection opens a new one",
            |_, state: &State| !state.gateway.reused_after_loss,
        ),
        Property::always("a connection with unrequested bytes is not used", |_, state: &State| {
            !state.gateway.reused_unclean
        }),
    ]
}

/// What must be reachable: otherwise the model would prove nothing.
fn sometimes() -> Vec<Property<Calls>> {
    vec![
        Property::sometimes("the last attempt succeeds with the second key", |_, state: &State| {
            state.succeeded() && state.gateway.key_changes == 1 && state.gateway.attempts == 4
        }),
        Property::sometimes("a call is cancelled between two attempts", |_, state: &State| {
            state.ended(|ending| ending.is_cancelled)
                && matches!(state.events.last(), Some(Event::Read(OnRead::ResponseThenCancel(_))))
        }),
        Property::sometimes("an idle connection is used", |_, state: &State| state.gateway.reused),
    ]
}

fn sometimes_in_a_start() -> Vec<Property<Calls>> {
    let mut properties = sometimes();
    properties.extend([
        Property::sometimes("a start is in doubt", |_, state: &State| {
            state.ended(|ending| ending.in_doubt)
        }),
        Property::sometimes("a cancelled start is in doubt", |_, state: &State| {
            state.ended(|ending| ending.in_doubt && ending.is_cancelled)
        }),
        Property::sometimes("a start is retried twice and succeeds", |_, state: &State| {
            state.succeeded() && state.gateway.attempts == 3
        }),
    ]);
    properties
}

fn sometimes_in_a_lookup() -> Vec<Property<Calls>> {
    let mut properties = sometimes();
    properties.extend([
        Property::sometimes("a stale connection costs no retry", |_, state: &State| {
            state.succeeded() && state.call.max_retries == 0 && state.gateway.stale == 1
        }),
        Property::sometimes("a lookup is verified", |_, state: &State| {
            state.ended(|ending| ending.is_verified_for_number)
        }),
        Property::sometimes("a lookup is verified for another number", |_, state: &State| {
            state.ended(|ending| ending.is_verified && !ending.is_verified_for_number)
        }),
    ]);
    properties
}

fn check(request: Request) {
    let checker = Calls(request).checker().threads(2).spawn_dfs().join();
    println!(
        "model of a call, {request:?}: {} unique states, at most {} events in a call, {} calls \
         with up to {} retries and {} keys",
        checker.unique_state_count(),
        checker.max_depth() - 1,
        Call::all(request).count(),
        call::MAX_RETRIES,
        call::MAX_KEYS,
    );
    assert!(checker.is_done());
    checker.assert_properties();
}

#[test]
#[ignore = "takes a minute: tests/rust/run.sh runs it"]
fn every_start_keeps_its_promises() {
    check(Request::Start);
}

#[test]
#[ignore = "takes a minute: tests/rust/run.sh runs it"]
fn every_lookup_keeps_its_promises() {
    check(Request::Lookup);
}
