//! Limits on the memory of everything that is in flight: connections, requests that arrive and
//! responses that are not read.
//!
//! Small requests and responses are limited only by the number of connections. So a client that
//! holds all of the budget does not block the usual requests of others.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Further connections wait in the queue of the operating system until others are closed.
pub(crate) const MAX_CONNECTIONS: usize = 6000;
/// TLS handshakes at the same time: an incomplete one may hold 64 KiB.
pub(crate) const MAX_HANDSHAKES: usize = 256;
/// Bytes of the headers and bodies of all requests.
const REQUEST_BYTES: usize = 16 << 20;
/// Bytes of all response bodies.
const RESPONSE_BYTES: usize = 16 << 20;
/// What a request may hold of its body without a reservation.
const FREE_BODY: usize = 4 << 10;
/// What a response may hold without a reservation.
pub(crate) const FREE_RESPONSE: usize = 8 << 10;
/// How long a request waits for others to release memory before it is rejected.
const WAIT: Duration = Duration::from_millis(500);

/// A reservation. Dropping it releases the memory.
pub(crate) type Reserved = OwnedSemaphorePermit;

/// One budget for all connections of a sandbox.
#[derive(Clone)]
pub(crate) struct Budget {
    requests: Arc<Semaphore>,
    responses: Arc<Semaphore>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUEST_BYTES)),
            responses: Arc::new(Semaphore::new(RESPONSE_BYTES)),
        }
    }

    /// Reserves memory for a request; waits as long as it takes.
    pub(crate) async fn reserve_request(&self, bytes: usize) -> Option<Reserved> {
        self.requests.clone().acquire_many_owned(permits(bytes)).await.ok()
    }

    /// Reserves memory for a response that is not built yet.
    pub(crate) async fn reserve_response(&self, bytes: usize) -> Result<Reserved, Problem> {
        let reserved = self.responses.clone().acquire_many_owned(permits(bytes));
        tokio::time::timeout(WAIT, reserved).await.ok().and_then(Result::ok).ok_or_else(busy)
    }

    /// Reserves memory for a response that is built already, so that waiting would not limit it.
    fn try_reserve_response(&self, bytes: usize) -> Option<Reserved> {
        self.responses.clone().try_acquire_many_owned(permits(bytes)).ok()
    }

    /// Reads the whole body of a request. Its memory is reserved until the last copy is dropped.
    pub(crate) async fn read_body(&self, mut body: Body, limit: usize) -> Result<Bytes, Problem> {
        let too_large = || {
            let reason = format!("the body is larger than {limit} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_refused", reason)
        };
        let declared = body.size_hint().exact().map(|length| length as usize);
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        // The whole body at once: requests that each hold a part would wait for each other.
        let reserve = async || {
            let whole = self.reserve_request(declared.unwrap_or(limit));
            tokio::time::timeout(WAIT, whole).await.ok().flatten().ok_or_else(busy)
        };
        let mut reserved = match declared {
            Some(length) if length > FREE_BODY => Some(reserve().await?),
            _ => None,
        };
        // Frames are copied into one buffer: many small frames would hold more than they contain.
        let mut buffer = Vec::with_capacity(declared.unwrap_or_default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Problem::new(StatusCode::BAD_REQUEST, "body_refused", "the body is malformed")
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if buffer.len() + data.len() > limit {
                return Err(too_large());
            }
            if reserved.is_none() && buffer.len() + data.len() > FREE_BODY {
                reserved = Some(reserve().await?);
                buffer.reserve_exact(limit - buffer.len());
            }
            buffer.extend_from_slice(&data);
        }
        buffer.shrink_to_fit();
        Ok(with_reservation(buffer.into(), reserved))
    }

    /// Reserves memory for the body of a response until it is sent, or replaces it by an error.
    pub(crate) fn limit_response(&self, response: Response) -> Response {
        let size = response.body().size_hint().upper().unwrap_or_default();
        if size <= FREE_RESPONSE as u64 {
            return response;
        }
        match self.try_reserve_response(size as usize) {
            Some(reserved) => {
                response.map(|body| Body::new(ReservedBody { body, reserved: Arc::new(reserved) }))
            }
            None => axum::response::IntoResponse::into_response(busy()),
        }
    }

    /// Reserves memory for a script, which does not send a response by HTTP.
    pub(crate) fn reserve_script(&self, bytes: usize) -> Option<Reserved> {
        self.try_reserve_response(bytes)
    }
}

fn permits(bytes: usize) -> u32 {
    // More than everything can never be reserved, so that is waited for as if it was everything.
    bytes.min(REQUEST_BYTES).min(RESPONSE_BYTES) as u32
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "the requests and responses in flight exceed the memory limit of the sandbox",
    )
}

/// Bytes that hold a reservation.
pub(crate) fn with_reservation<R: Send + 'static>(bytes: Bytes, reserved: R) -> Bytes {
    struct Owner<R>(Bytes, #[allow(dead_code, reason = "held until it is dropped")] R);
    impl<R> AsRef<[u8]> for Owner<R> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Owner(bytes, reserved))
}

/// A response body whose frames hold a reservation: the HTTP server drops the body when the last
/// frame is queued, which is long before it is sent.
struct ReservedBody {
    body: Body,
    reserved: Arc<Reserved>,
}

impl HttpBody for ReservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let reserved = self.reserved.clone();
        Pin::new(&mut self.body).poll_frame(cx).map(|frame| {
            frame.map(|frame| {
                frame.map(|frame| frame.map_data(|data| with_reservation(data, reserved)))
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
