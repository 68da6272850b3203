//! The dashboard at `/`: a live view of the sandbox, with buttons for the admin operations. Without
//! JavaScript it is the same page, reloaded by hand.

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

use crate::app::App;
use crate::delivery;
use crate::faults::{self, ArmedFault, Fault, FaultHelp};
use crate::pages::REFERRER_POLICY;
use crate::problem::Problem;
use crate::request_log::RecordedRequest;
use crate::session::SessionView;
use crate::sms::Sms;
use crate::user::{self, Action};
use crate::webhooks::WebhookAttempt;

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/", get(show)),
        ("/_sandbox/events", get(events)),
        ("/_sandbox/dashboard", post(submit)),
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

fn asset(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")], text)
}

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// The rows of each list, and the characters of each text. The admin routes return everything.
const MAX_ROWS: usize = 50;
const MAX_TEXT: usize = 2000;

/// Filters of the template.
#[allow(unreachable_pub, reason = "the macro creates a public item")]
mod filters {
    /// The start of a text, so that the page has a limited size.
    #[askama::filter_fn]
    pub(super) fn shorten(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        let mut short: String = text.chars().take(super::MAX_TEXT).collect();
        if short.len() < text.len() {
            short.push_str(" …");
        }
        Ok(short)
    }
}

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
    error: Option<String>,
}

async fn show(State(app): State<Arc<App>>) -> Response {
    page(&app, StatusCode::OK, None)
}

fn page(app: &App, status: StatusCode, error: Option<String>) -> Response {
    app.expire_sessions();
    let dashboard = Dashboard {
        base_url: app.base_url.clone(),
        now: app.clock.now(),
        seed: app.seed,
        chaos: app.options.chaos,
        sessions: newest(|position| app.session_before(position)),
        sms: newest(|position| app.sms_before(position, None)),
        webhooks: newest(|position| app.webhook_before(position)),
        requests: newest(|position| app.request_before(position)),
        armed: app.armed_faults(),
        // The form has only a name field, so it cannot arm `answer`.
        faults: faults::list()
            .into_iter()
            .filter(|fault| Fault::from_name(fault.name).is_ok())
            .collect(),
        error,
    };
    let mut response = match dashboard.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
                .into_response()
        }
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, REFERRER_POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The first rows of a list that is read entry by entry.
fn newest<T>(next: impl Fn(Option<u64>) -> Option<(u64, T)>) -> Vec<T> {
    let entries = std::iter::successors(next(None), |(position, _)| next(Some(*position)));
    entries.take(MAX_ROWS).map(|(_, entry)| entry).collect()
}

/// Sends one event per change; changes close together share one. Sends a comment if nothing
/// changes, so that a closed browser is noticed.
async fn events(State(app): State<Arc<App>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let version = app.version();
    Sse::new(stream::unfold((app, version), async |(app, seen)| {
        let changed = app.wait_for_change(seen, Duration::from_secs(15)).await;
        let event = if changed {
            tokio::time::sleep(Duration::from_millis(150)).await;
            Event::default().data("changed")
        } else {
            Event::default().comment("keep-alive")
        };
        let seen = app.version();
        Some((Ok(event), (app, seen)))
    }))
}

/// The fields of a dashboard form.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Command {
    Act { session: String, action: String },
    Resend { id: String },
    Arm { fault: String, times: String },
    Disarm,
    Advance { seconds: String },
    Reset,
}

async fn submit(
    State(app): State<Arc<App>>,
    form: Result<Form<Command>, FormRejection>,
) -> Response {
    let result = match form {
        Ok(Form(command)) => execute(&app, command).await,
        Err(error) => Err(Problem::invalid_field("the form", &format!("is invalid: {error}"))),
    };
    match result {
        Ok(()) => Redirect::to("/").into_response(),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or_default();
            page(&app, status, Some(problem.description))
        }
    }
}

async fn execute(app: &Arc<App>, command: Command) -> Result<(), Problem> {
    match command {
        Command::Act { session, action } => {
            user::act(app, &session, Action::from_name(&action)?).await.map(drop)
        }
        Command::Resend { id } => delivery::resend(app, number("id", &id)?).await.map(drop),
        Command::Arm { fault, times } => {
            app.arm(Fault::from_name(&fault)?, number("times", &times)?)
        }
        Command::Disarm => {
            app.clear_faults();
            Ok(())
        }
        Command::Advance { seconds } => {
            app.advance(Duration::from_secs(number::<u32>("seconds", &seconds)?.into()));
            Ok(())
        }
        Command::Reset => {
            app.reset();
            Ok(())
        }
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid_field(name, "must be a number"))
}
