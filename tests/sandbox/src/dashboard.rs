//! The dashboard at `/`: what there is, live, and a button for what the admin routes do. Without JavaScript it is the same
//! page, reloaded by hand.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use serde::Deserialize;

use crate::faults::{self, ArmedFault, Fault, FaultHelp};
use crate::journal::RecordedRequest;
use crate::pages::REFERRER_POLICY;
use crate::problem::Problem;
use crate::session::SessionView;
use crate::sms::Sms;
use crate::user::{self, Action};
use crate::webhooks::{self, WebhookAttempt};
use crate::world::World;

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<World>>)> {
    vec![
        ("/", get(show)),
        ("/_sandbox/events", get(events)),
        ("/_sandbox/dashboard", post(press)),
        (
            "/_sandbox/dashboard.css",
            get(async || asset("text/css", include_str!("../assets/dashboard.css"))),
        ),
        (
            "/_sandbox/dashboard.js",
            get(async || asset("text/javascript", include_str!("../assets/dashboard.js"))),
        ),
    ]
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text)
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Rows of each list. The admin routes have the rest.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    base_url: String,
    now: Timestamp,
    seed: u64,
    chaos: u8,
    sessions: Vec<SessionView>,
    sms: Vec<Sms>,
    webhooks: Vec<WebhookAttempt>,
    requests: Vec<RecordedRequest>,
    armed: Vec<ArmedFault>,
    faults: Vec<FaultHelp>,
    problem: Option<String>,
}

async fn show(State(world): State<Arc<World>>) -> Response {
    page(&world, StatusCode::OK, None)
}

fn page(world: &World, status: StatusCode, problem: Option<String>) -> Response {
    let dashboard = Dashboard {
        base_url: world.base_url.clone(),
        now: world.clock.now(),
        seed: world.seed,
        chaos: world.options.chaos,
        sessions: newest(world.sessions()),
        sms: newest(world.inbox.lock().to(None)),
        webhooks: newest(world.webhooks.lock().newest_first()),
        requests: newest(world.journal.lock().newest_first()),
        armed: world.armed.lock().view(),
        // A name of their own is all that a form can give them.
        faults: faults::catalogue()
            .into_iter()
            .filter(|fault| Fault::named(fault.name).is_ok())
            .collect(),
        problem,
    };
    let mut response = match dashboard.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
                .into_response()
        }
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, REFERRER_POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn newest<T>(mut list: Vec<T>) -> Vec<T> {
    list.truncate(ROWS);
    list
}

/// One event for each change, or for many that come close together; a comment where nothing changes, so that a browser that has
/// gone is noticed.
async fn events(
    State(world): State<Arc<World>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = world.change();
    Sse::new(stream::unfold((world, first), async |(world, seen)| {
        let changed = world.changed_since(seen, Duration::from_secs(15)).await;
        let event = if changed {
            tokio::time::sleep(Duration::from_millis(150)).await;
            Event::default().data("changed")
        } else {
            Event::default().comment("still here")
        };
        let seen = world.change();
        Some((Ok(event), (world, seen)))
    }))
}

/// A button of the dashboard.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Button {
    Act { session: String, action: String },
    Resend { id: String },
    Arm { fault: String, times: String },
    Disarm,
    Advance { seconds: String },
    Reset,
}

async fn press(
    State(world): State<Arc<World>>,
    button: Result<Form<Button>, FormRejection>,
) -> Response {
    let done = match button {
        Ok(Form(button)) => carry_out(&world, button).await,
        Err(error) => Err(Problem::field("the form", &format!("cannot be read: {error}"))),
    };
    match done {
        Ok(()) => Redirect::to("/").into_response(),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or_default();
            page(&world, status, Some(problem.description))
        }
    }
}

async fn carry_out(world: &Arc<World>, button: Button) -> Result<(), Problem> {
    match button {
        Button::Act { session, action } => {
            user::act(world, &session, Action::named(&action)?).await.map(drop)
        }
        Button::Resend { id } => webhooks::resend(world, number("id", &id)?).await.map(drop),
        Button::Arm { fault, times } => world.arm(Fault::named(&fault)?, number("times", &times)?),
        Button::Disarm => {
            world.clear_faults();
            Ok(())
        }
        Button::Advance { seconds } => {
            world.advance(Duration::from_secs(number::<u32>("seconds", &seconds)?.into()));
            Ok(())
        }
        Button::Reset => {
            world.reset();
            Ok(())
        }
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::field(name, "must be a number"))
}
