//! The gateway's two endpoints, and the faults that are injected into their responses.

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
use serde::Serialize;

use crate::app::App;
use crate::connection::Connection;
use crate::faults::Fault;
use crate::magic::{Behaviour, behaviour_of};
use crate::problem::Problem;
use crate::request::StartRequest;

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/core/api/sessions/two_factor_auth/phone", post(start_session)),
        ("/core/api/sessions/{id}", get(get_session)),
    ]
}

#[derive(Serialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Serialize)]
struct StartedSession {
    id: String,
    redirect_url: String,
    status: &'static str,
}

#[derive(Serialize)]
struct FetchedSession {
    request_data: StartRequest,
    id: String,
    phone_number: String,
    status: &'static str,
}

async fn start_session(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let request = check_key(&app, &headers).and_then(|()| StartRequest::parse(&body));
    let request = match request {
        Ok(request) => request,
        Err(problem) => return problem.response(app.options.error_shape),
    };
    let fault = app.magic_start_fault(&request.metadata.phone_number);
    let replacement =
        fault.as_ref().and_then(|fault| fault.replacement_response(app.options.error_shape));
    if let Some(response) = replacement {
        return response;
    }
    let (id, redirect_url) = app.start(request);
    if app.webhook_before_response(&id) {
        wait_for_first_webhook(&app, &id).await;
    }
    let data = StartedSession { id, redirect_url, status: "pending" };
    (InjectedFault(fault), Json(Envelope { data })).into_response()
}

async fn get_session(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let session = match check_key(&app, &headers).and_then(|()| app.look_up(&id)) {
        Ok(session) => session,
        Err(problem) => return problem.response(app.options.error_shape),
    };
    let fault = match behaviour_of(session.phone_number()) {
        Behaviour::EveryRequest(fault) => Some(fault.clone()),
        _ => None,
    };
    let data = FetchedSession {
        phone_number: session.phone_number().to_owned(),
        status: session.status(),
        id: session.id,
        request_data: session.request,
    };
    (InjectedFault(fault), Json(Envelope { data })).into_response()
}

/// The longest time that the response to the POST waits for the receiver of the first webhook.
const FIRST_WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

async fn wait_for_first_webhook(app: &App, id: &str) {
    let attempted = async {
        loop {
            let seen = app.version();
            if app.has_webhook_attempt(id)
                || !app.wait_for_change(seen, FIRST_WEBHOOK_TIMEOUT).await
            {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(FIRST_WEBHOOK_TIMEOUT, attempted).await;
}

/// The fault of a magic number, passed from a handler to [`inject_fault`] as a response extension.
#[derive(Clone)]
struct InjectedFault(Option<Fault>);

impl IntoResponseParts for InjectedFault {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// The key is sent raw, in either header.
fn check_key(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let key = app.options.api_key.as_bytes();
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

/// Injects the fault for this request, if there is one: armed, by chaos or of a magic number.
pub(crate) async fn inject_fault(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let fault = app.next_request_fault();
    let replacement =
        fault.as_ref().and_then(|fault| fault.replacement_response(app.options.error_shape));
    if let Some(response) = replacement {
        return response;
    }
    let mut response = next.run(request).await;
    let magic = response.extensions_mut().remove::<InjectedFault>().and_then(|injected| injected.0);
    match fault.or(magic) {
        Some(fault) => fault.corrupt(response, &connection, app.options.success_status).await,
        None => response,
    }
}
