//! The gateway's two endpoints, and the faults that meet their callers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use axum::routing::{MethodRouter, get, post};
use jiff::Timestamp;
use serde::Serialize;

use crate::faults::Fault;
use crate::magic::{Quirk, quirk};
use crate::problem::Problem;
use crate::request::StartRequest;
use crate::session::Session;
use crate::wire::Connection;
use crate::world::World;

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<World>>)> {
    vec![
        ("/core/api/sessions/two_factor_auth/phone", post(start_session)),
        ("/core/api/sessions/{id}", get(look_up_session)),
    ]
}

#[derive(Serialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Serialize)]
struct Started {
    id: String,
    redirect_url: String,
    status: &'static str,
}

#[derive(Serialize)]
struct LookedUp {
    request_data: StartRequest,
    id: String,
    phone_number: String,
    status: &'static str,
}

async fn start_session(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = check_key(&world, &headers).and_then(|()| StartRequest::parse(&body));
    let request = match request {
        Ok(request) => request,
        Err(problem) => return problem.answer(world.options.error_shape),
    };
    let fault = world.meetings.lock().fault_of_start(&request.metadata.phone_number);
    if let Some(response) =
        fault.as_ref().and_then(|fault| fault.in_place_of_the_call(world.options.error_shape))
    {
        return response;
    }
    let (id, redirect_url) = world.start(request);
    if world.webhook_comes_first(&id) {
        wait_for_first_webhook(&world, &id).await;
    }
    (Meets(fault), Json(Envelope { data: Started { id, redirect_url, status: "pending" } }))
        .into_response()
}

async fn look_up_session(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let session = check_key(&world, &headers).and_then(|()| world.session(&id, look_up));
    match session {
        Ok(found) => found.into_response(),
        Err(problem) => problem.answer(world.options.error_shape),
    }
}

fn look_up(session: &mut Session, _now: Timestamp) -> impl IntoResponse + use<> {
    session.lookups += 1;
    let quirk = quirk(&session.request.metadata.phone_number);
    if let (Quirk::ExpiresAtSecondLookup, 2..) = (quirk, session.lookups) {
        session.expire();
    }
    let fault = if let Quirk::EveryCall(fault) = quirk { Some(fault.clone()) } else { None };
    let (request_data, id, status) =
        (session.request.clone(), session.id.clone(), session.status());
    let phone_number = request_data.metadata.phone_number.clone();
    (Meets(fault), Json(Envelope { data: LookedUp { request_data, id, phone_number, status } }))
}

/// A receiver that never answers does not hold up the caller for good.
async fn wait_for_first_webhook(world: &World, id: &str) {
    let arrived = async {
        loop {
            let seen = world.change();
            if world.webhooks.lock().has_tried(id) || !world.changed_since(seen, PATIENCE).await {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, arrived).await;
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Carries the fault of a magic number out of a call, past what the answer is made of.
#[derive(Clone)]
struct Meets(Option<Fault>);

impl IntoResponseParts for Meets {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// The key is sent raw, in either header.
fn check_key(world: &World, headers: &HeaderMap) -> Result<(), Problem> {
    let key = world.options.api_key.as_bytes();
    let sent = |name| headers.get(name).is_some_and(|value| value.as_bytes() == key);
    if sent(header::AUTHORIZATION) || sent(header::HeaderName::from_static("zs-product-key")) {
        Ok(())
    } else {
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the API key is missing or wrong",
        ))
    }
}

/// Lets a fault have its way with this call: an armed one, chaos, or that of a magic number.
pub(crate) async fn misbehave(
    State(world): State<Arc<World>>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let armed = world.fault_of_call();
    if let Some(response) =
        armed.as_ref().and_then(|fault| fault.in_place_of_the_call(world.options.error_shape))
    {
        return response;
    }
    let mut response = next.run(request).await;
    let own = response.extensions_mut().remove::<Meets>().and_then(|meets| meets.0);
    match armed.or(own) {
        Some(fault) => fault.spoil(response, &connection, world.options.success_status).await,
        None => response,
    }
}
