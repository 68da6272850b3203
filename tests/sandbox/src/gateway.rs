//! The gateway's two endpoints, and the faults that meet their callers.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Serialize;

use crate::faults::Target;
use crate::problem::Problem;
use crate::request::StartRequest;
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
    let started =
        check_key(&world, &headers).and_then(|()| StartRequest::parse(&body)).map(|request| {
            let (id, redirect_url) = world.start(request);
            Json(Envelope { data: Started { id, redirect_url, status: "pending" } })
        });
    answer(&world, started)
}

async fn look_up_session(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let session = check_key(&world, &headers).and_then(|()| {
        world.session(&id, |session, _| {
            session.lookups += 1;
            let (request_data, id, status) =
                (session.request.clone(), session.id.clone(), session.status());
            let phone_number = request_data.metadata.phone_number.clone();
            Json(Envelope { data: LookedUp { request_data, id, phone_number, status } })
        })
    });
    answer(&world, session)
}

fn answer(world: &World, outcome: Result<impl IntoResponse, Problem>) -> Response {
    match outcome {
        Ok(granted) => granted.into_response(),
        Err(problem) => problem.answer(world.options.error_shape),
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

/// Lets the next armed fault have its way with this call.
pub(crate) async fn misbehave(
    State(world): State<Arc<World>>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let Some(fault) = world.take_fault(Target::Call) else {
        return next.run(request).await;
    };
    if let Some(response) = fault.in_place_of_the_call(world.options.error_shape) {
        return response;
    }
    fault.spoil(next.run(request).await, &connection).await
}
