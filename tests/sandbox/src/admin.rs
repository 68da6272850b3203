//! The sandbox's own routes: everything that a test or the dashboard may look at or change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::faults;
use crate::help::{Help, OPENAPI};
use crate::journal::RecordedRequest;
use crate::problem::Problem;
use crate::session::SessionView;
use crate::sms::Sms;
use crate::user::{self, Action, Outcome};
use crate::webhooks::{self, WebhookAttempt};
use crate::world::World;

type Answer<T> = Result<Json<T>, Problem>;

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<World>>)> {
    vec![
        ("/_sandbox/health", get(async || Json(json!({"status": "ok"})))),
        ("/_sandbox/sessions", get(sessions)),
        ("/_sandbox/sessions/{id}", get(session)),
        ("/_sandbox/sessions/{id}/user", post(act)),
        ("/_sandbox/sms", get(sms)),
        ("/_sandbox/requests", get(requests)),
        ("/_sandbox/faults", get(list_faults).post(arm_fault).delete(clear_faults)),
        ("/_sandbox/webhooks", get(webhooks)),
        ("/_sandbox/webhooks/{id}/resend", post(resend)),
        ("/_sandbox/clock", get(tell_time).post(advance)),
        ("/_sandbox/help", get(async || Json(Help::new()))),
        ("/_sandbox/openapi.json", get(async || Json(&*OPENAPI))),
        ("/_sandbox/reset", post(reset)),
    ]
}

async fn sessions(State(world): State<Arc<World>>) -> Json<Vec<SessionView>> {
    Json(world.sessions())
}

async fn session(State(world): State<Arc<World>>, Path(id): Path<String>) -> Answer<SessionView> {
    world.session(&id, |session, _| session.view(&world.base_url)).map(Json)
}

async fn act(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer<Outcome> {
    let order: user::Order = read(&body)?;
    user::act(&world, &id, Action::named(&order.action)?).await.map(Json)
}

/// The longest that `wait` may ask for.
const LONGEST_WAIT: f64 = 60.0;

#[derive(Deserialize)]
struct SmsQuery {
    to: Option<String>,
    wait: Option<String>,
}

async fn sms(
    State(world): State<Arc<World>>,
    query: Result<Query<SmsQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<Vec<Sms>> {
    let Query(query) =
        query.map_err(|error| Problem::field("the query", &format!("cannot be read: {error}")))?;
    // A plus in a query means a space, and hardly anyone who types one remembers that.
    let to =
        query.to.map(|to| to.strip_prefix(' ').map_or(to.clone(), |digits| format!("+{digits}")));
    let wait = match query.wait.map(|wait| wait.parse::<f64>()) {
        None => 0.0,
        Some(Ok(seconds)) if (0.0..=LONGEST_WAIT).contains(&seconds) => seconds,
        Some(_) => {
            return Err(Problem::field("wait", "must be a number of seconds from 0 to 60"));
        }
    };
    let found = wait_for_sms(&world, to.as_deref(), Duration::from_secs_f64(wait)).await;
    Ok(Json(found))
}

/// Every SMS to a number, newest first, waiting for the first one.
pub(crate) async fn wait_for_sms(world: &World, to: Option<&str>, patience: Duration) -> Vec<Sms> {
    let deadline = Instant::now() + patience;
    loop {
        let seen = world.change();
        let found = world.inbox.lock().to(to);
        let left = deadline.saturating_duration_since(Instant::now());
        if !found.is_empty() || !world.changed_since(seen, left).await {
            return found;
        }
    }
}

async fn requests(State(world): State<Arc<World>>) -> Json<Vec<RecordedRequest>> {
    Json(world.journal.lock().newest_first())
}

async fn list_faults(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({"faults": faults::catalogue(), "armed": world.armed.lock().view()}))
}

async fn arm_fault(State(world): State<Arc<World>>, body: Bytes) -> Answer<Value> {
    let (fault, times) = read::<faults::Order>(&body)?.read()?;
    world.arm(fault, times)?;
    Ok(Json(json!({"armed": world.armed.lock().view()})))
}

async fn clear_faults(State(world): State<Arc<World>>) -> Json<Value> {
    world.clear_faults();
    Json(json!({"armed": []}))
}

async fn webhooks(State(world): State<Arc<World>>) -> Json<Vec<WebhookAttempt>> {
    Json(world.webhooks.lock().newest_first())
}

async fn resend(State(world): State<Arc<World>>, Path(id): Path<String>) -> Answer<WebhookAttempt> {
    let unknown = || {
        Problem::new(StatusCode::NOT_FOUND, "not_found", format!("no webhook has the id {id:?}"))
    };
    let id = id.parse().map_err(|_| unknown())?;
    webhooks::resend(&world, id).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: f64,
}

async fn tell_time(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({"now": world.clock.now()}))
}

async fn advance(State(world): State<Arc<World>>, body: Bytes) -> Answer<Value> {
    let Advance { advance_s } = read(&body)?;
    if !(0.0..=LONGEST_ADVANCE).contains(&advance_s) {
        return Err(Problem::field(
            "advance_s",
            "must be a number of seconds from 0 to 31536000, a year",
        ));
    }
    world.advance(Duration::from_secs_f64(advance_s));
    Ok(Json(json!({"now": world.clock.now()})))
}

const LONGEST_ADVANCE: f64 = 365.0 * 24.0 * 3600.0;

async fn reset(State(world): State<Arc<World>>) -> Json<Value> {
    world.reset();
    Json(json!({"status": "ok"}))
}

/// Reads an order; JSON of the wrong form is told apart from what is no JSON.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde would also read a list as a struct.
    let object = serde_json::from_slice(body).map(|object: Map<String, Value>| object.into());
    object.and_then(|object: Value| serde_json::from_value(object)).map_err(|error| {
        if error.is_data() {
            Problem::field("the body", &format!("is not as expected: {error}"))
        } else {
            Problem::malformed(format!("the body is not JSON: {error}"))
        }
    })
}
