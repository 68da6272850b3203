//! The admin routes, under `/_sandbox/`: what a test can inspect and change.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::app::App;
use crate::delivery;
use crate::faults::{self, ArmFaultRequest};
use crate::help::{Help, OPENAPI_TEXT};
use crate::list;
use crate::problem::Problem;
use crate::session::SessionView;
use crate::user::{self, Action, Outcome, UserActionRequest};
use crate::webhooks::WebhookAttempt;

type JsonResult<T> = Result<Json<T>, Problem>;

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/_sandbox/health", get(async || Json(json!({"status": "ok"})))),
        ("/_sandbox/sessions", get(sessions)),
        ("/_sandbox/sessions/{id}", get(session)),
        ("/_sandbox/sessions/{id}/user", post(user_action)),
        ("/_sandbox/sms", get(sms)),
        ("/_sandbox/requests", get(requests)),
        ("/_sandbox/faults", get(list_faults).post(arm_fault).delete(clear_faults)),
        ("/_sandbox/webhooks", get(webhooks)),
        ("/_sandbox/webhooks/{id}/resend", post(resend_webhook)),
        ("/_sandbox/clock", get(clock).post(advance_clock)),
        ("/_sandbox/help", get(async || Json(Help::new()))),
        ("/_sandbox/openapi.json", get(openapi)),
        ("/_sandbox/reset", post(reset)),
    ]
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI_TEXT.clone())
}

async fn sessions(State(app): State<Arc<App>>) -> Response {
    app.expire_sessions();
    let budget = app.budget.clone();
    list::respond(&budget, move |position| app.session_before(position)).await
}

async fn session(State(app): State<Arc<App>>, Path(id): Path<String>) -> JsonResult<SessionView> {
    app.session_view(&id).map(Json)
}

async fn user_action(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> JsonResult<Outcome> {
    let UserActionRequest { action } = parse(&body)?;
    // Before the wait, so that it does not hold memory.
    drop(body);
    user::act(&app, &id, Action::from_name(&action)?).await.map(Json)
}

const MAX_WAIT_SECONDS: f64 = 60.0;

#[derive(Deserialize)]
struct SmsQuery {
    to: Option<String>,
    wait: Option<String>,
}

async fn sms(
    State(app): State<Arc<App>>,
    query: Result<Query<SmsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query
        .map_err(|error| Problem::invalid_field("the query", &format!("is invalid: {error}")))?;
    // An unescaped plus in a query decodes to a space. Most people who type one do not expect that.
    let to =
        query.to.map(|to| to.strip_prefix(' ').map_or(to.clone(), |digits| format!("+{digits}")));
    let wait = match query.wait.map(|wait| wait.parse::<f64>()) {
        None => 0.0,
        Some(Ok(seconds)) if (0.0..=MAX_WAIT_SECONDS).contains(&seconds) => seconds,
        Some(_) => {
            let reason = "must be a number of seconds from 0 to 60";
            return Err(Problem::invalid_field("wait", reason));
        }
    };
    app.wait_for_sms(to.as_deref(), Duration::from_secs_f64(wait)).await;
    let budget = app.budget.clone();
    Ok(list::respond(&budget, move |position| app.sms_before(position, to.as_deref())).await)
}

async fn requests(State(app): State<Arc<App>>) -> Response {
    let budget = app.budget.clone();
    list::respond(&budget, move |position| app.request_before(position)).await
}

async fn list_faults(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"faults": faults::list(), "armed": app.armed_faults()}))
}

async fn arm_fault(State(app): State<Arc<App>>, body: Bytes) -> JsonResult<Value> {
    let (fault, times) = parse::<ArmFaultRequest>(&body)?.validate()?;
    app.arm(fault, times)?;
    Ok(Json(json!({"armed": app.armed_faults()})))
}

async fn clear_faults(State(app): State<Arc<App>>) -> Json<Value> {
    app.clear_faults();
    Json(json!({"armed": []}))
}

async fn webhooks(State(app): State<Arc<App>>) -> Response {
    let budget = app.budget.clone();
    list::respond(&budget, move |position| app.webhook_before(position)).await
}

async fn resend_webhook(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> JsonResult<WebhookAttempt> {
    let id = id.parse().map_err(|_| Problem::webhook_not_found(&id))?;
    delivery::resend(&app, id).await.map(Json)
}

/// One year.
const MAX_ADVANCE_SECONDS: f64 = 365.0 * 24.0 * 3600.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceRequest {
    advance_s: f64,
}

async fn clock(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"now": app.clock.now()}))
}

async fn advance_clock(State(app): State<Arc<App>>, body: Bytes) -> JsonResult<Value> {
    let AdvanceRequest { advance_s } = parse(&body)?;
    if !(0.0..=MAX_ADVANCE_SECONDS).contains(&advance_s) {
        let reason = "must be a number of seconds from 0 to 31536000 (one year)";
        return Err(Problem::invalid_field("advance_s", reason));
    }
    app.advance(Duration::from_secs_f64(advance_s));
    Ok(Json(json!({"now": app.clock.now()})))
}

async fn reset(State(app): State<Arc<App>>) -> Json<Value> {
    app.reset();
    Json(json!({"status": "ok"}))
}

/// Parses a JSON object. Invalid JSON is a 400, JSON of the wrong form a 422.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Not via a `Value`, which can take a hundred times the memory of its text.
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| Problem::malformed_json(&error))?;
    // Serde would also accept an array for a struct.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid_field("the body", "must be a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| {
        // The message can contain a name from the body.
        let reason: String = error.to_string().chars().take(MAX_REASON).collect();
        Problem::invalid_field("the body", &format!("is invalid: {reason}"))
    })
}

const MAX_REASON: usize = 300;
