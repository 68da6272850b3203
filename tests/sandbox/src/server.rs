//! The server: connections and the layers of a request, which are time limits, Host check, request
//! log, faults and routes.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::app::{App, Queues};
use crate::budget::{MAX_CONNECTIONS, MAX_HANDSHAKES};
use crate::connection::{self, Connection, Step, Stream};
use crate::faults::{Fault, Target};
use crate::limited::{Head, LimitedStream, MAX_HEAD};
use crate::problem::Problem;
use crate::request_log::IncomingRequest;
use crate::tls::Tls;
use crate::{admin, dashboard, delivery, gateway, guard, pages};

/// Time limit for the headers and for the body of a request, for the TLS handshake, and for an
/// idle connection.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Larger than any request that the client library sends: a relay_state of 16 KiB, each byte of which
/// may be written as six in JSON, and three URLs of 64 KiB. Scripted answers may be larger still.
const MAX_BODY: usize = 320 << 10;
const MAX_SCRIPTED_ANSWER: usize = 4 << 20;

pub(crate) fn router(app: &Arc<App>) -> Router {
    let endpoints = collect(gateway::routes())
        .route_layer(middleware::from_fn_with_state(app.clone(), gateway::inject_fault));
    let pages = collect(pages::routes())
        .route_layer(middleware::from_fn_with_state(app.clone(), pages::inject_fault));
    Router::new()
        .merge(endpoints)
        .merge(pages)
        .merge(collect(admin::routes()))
        .merge(collect(dashboard::routes()))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "not_found", "no such path") })
        .method_not_allowed_fallback(|| async {
            let problem = "method not allowed; see the Allow header";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", problem)
        })
        // `record_request` has the limits.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(app.clone(), record_request))
        .layer(middleware::from_fn_with_state(app.clone(), guard::reject_foreign))
        .layer(middleware::map_response(add_sandbox_header))
        .layer(middleware::map_response_with_state(app.clone(), limit_response))
        .with_state(app.clone())
}

fn collect(routes: Vec<(&'static str, axum::routing::MethodRouter<Arc<App>>)>) -> Router<Arc<App>> {
    routes.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

async fn limit_response(State(app): State<Arc<App>>, response: Response) -> Response {
    app.budget.limit_response(response)
}

async fn add_sandbox_header(mut response: Response) -> Response {
    let version = HeaderValue::from_static(concat!("zignsec-sandbox/", env!("CARGO_PKG_VERSION")));
    response.headers_mut().insert("x-sandbox", version);
    response
}

/// Reads the whole request, so that no inner layer waits for the network, and adds it to the
/// request log.
async fn record_request(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let is_admin = is_admin_path(request.uri().path());
    let (head, body) = request.into_parts();
    let limit = if head.uri.path() == "/_sandbox/faults" { MAX_SCRIPTED_ANSWER } else { MAX_BODY };
    let body = match tokio::time::timeout(READ_TIMEOUT, app.budget.read_body(body, limit)).await {
        Ok(Ok(body)) => body,
        // The rest of the body may still arrive, so the connection cannot be reused.
        Ok(Err(problem)) => return closing_response(problem),
        Err(_) => {
            let problem = "the body did not arrive within 30 seconds";
            return closing_response(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", problem));
        }
    };
    if is_admin {
        return next.run(with_body(head, body)).await;
    }
    let incoming = IncomingRequest {
        method: &head.method,
        uri: &head.uri,
        headers: &head.headers,
        body: &body,
        connection: connection.number,
    };
    let id = app.record_request(incoming);
    let mut response = next.run(with_body(head, body)).await;
    app.record_response(id, response.status());
    response
        .headers_mut()
        .entry(HeaderName::from_static("x-request-id"))
        .or_insert(HeaderValue::from(id));
    response
}

/// A request without its body if no handler reads it, so that a handler that waits does not hold it.
fn with_body(head: Parts, body: Bytes) -> Request {
    let body = if head.method == Method::POST { Body::from(body) } else { Body::empty() };
    Request::from_parts(head, body)
}

fn closing_response(problem: Problem) -> Response {
    ([(header::CONNECTION, "close")], problem).into_response()
}

/// Whether a path belongs to the sandbox itself: it is not in the request log, and faults do not
/// apply to it.
fn is_admin_path(path: &str) -> bool {
    matches!(path, "/" | "/favicon.ico" | "/2fa-ui/style.css") || path.starts_with("/_sandbox/")
}

/// Opens the listening socket before the server's thread starts, so that the port is known and
/// errors reach the caller.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // The default backlog of the standard library is too small for a load test.
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Runs the server until this future is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    queues: Queues,
    tls: Option<Tls>,
) -> io::Result<Infallible> {
    tokio::spawn(delivery::deliver_all(app.clone(), queues.events));
    tokio::spawn(app.clone().deliver_delayed_sms(queues.delayed_sms));
    tokio::spawn(app.clone().expire_sessions_on_time());
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = Arc::new(Server {
        router: router(&app),
        app,
        tls,
        connections: AtomicU64::new(0),
        handshakes: Semaphore::new(MAX_HANDSHAKES),
        too_many: Notify::new(),
    });
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            // Probably out of file descriptors.
            server.close_an_idle_connection().await;
            continue;
        };
        let place = loop {
            match free.clone().try_acquire_owned() {
                Ok(place) => break place,
                Err(_) => server.close_an_idle_connection().await,
            }
        };
        tokio::spawn(server.clone().connection(tcp, place));
    }
}

struct Server {
    router: Router,
    app: Arc<App>,
    tls: Option<Tls>,
    connections: AtomicU64,
    handshakes: Semaphore,
    /// Wakes the connection that waits longest, if there are too many.
    too_many: Notify,
}

impl Server {
    /// Asks the oldest connection to close if it is idle, or else after its next response.
    async fn close_an_idle_connection(&self) {
        self.too_many.notify_one();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    async fn connection(self: Arc<Self>, tcp: TcpStream, _place: OwnedSemaphorePermit) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = tcp.set_nodelay(true);
        let first = tokio::select! {
            first = tokio::time::timeout(READ_TIMEOUT, first_bytes(&tcp)) => first.ok().flatten(),
            () = self.too_many.notified() => None,
        };
        let Some(first) = first else { return };
        let encrypted = first.first() == Some(&TLS_HANDSHAKE);
        // Connection faults must not affect admin requests, which arm and clear faults.
        if encrypted || first.windows(6).any(|bytes| bytes == b" /core") {
            match self.app.take_fault(Target::Connection) {
                Some(Fault::ResetOnAccept) => return connection::set_reset_on_close(&tcp),
                Some(_) => return Box::pin(connection::close_without_reading(tcp)).await,
                None => {}
            }
        }
        let stream = match &self.tls {
            Some(tls) if encrypted => {
                let fault = self.app.take_fault(Target::Handshake);
                // In a box, because few connections need its memory.
                let handshake = Box::pin(async {
                    let _place = self.handshakes.acquire().await;
                    tls.accept(tcp, fault.as_ref()).await
                });
                match tokio::time::timeout(READ_TIMEOUT, handshake).await {
                    Ok(Ok(Some(stream))) => Stream::Tls(Box::new(stream)),
                    _ => return,
                }
            }
            _ => Stream::Plain(tcp),
        };
        Box::pin(self.serve_http(number, stream)).await;
    }

    async fn serve_http(&self, number: u64, stream: Stream) {
        let (connection, mut scripts) = Connection::new(number);
        let head = Arc::new(Head::default());
        let limited_head = head.clone();
        let plain_on_tls_port = self.tls.is_some() && matches!(stream, Stream::Plain(_));
        let service =
            hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(connection.clone());
                // Released with the headers.
                request.extensions_mut().insert(head.arrived());
                let head = head.clone();
                let router = self.router.clone();
                async move {
                    if plain_on_tls_port && !is_admin_path(request.uri().path()) {
                        let problem = "this port expects HTTPS; only /_sandbox/ allows plain HTTP";
                        return Ok(closing_response(Problem::new(
                            StatusCode::BAD_REQUEST,
                            "https_expected",
                            problem,
                        )));
                    }
                    let response = router.oneshot(request).await;
                    head.next_request();
                    response
                }
            });
        let stream = LimitedStream::new(stream, self.app.budget.clone(), limited_head);
        let mut http = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut too_many = pin!(self.too_many.notified());
        let mut is_last_request = false;
        let script = loop {
            tokio::select! {
                _ = &mut http => return,
                Some(script) = scripts.recv() => break script,
                () = &mut too_many, if !is_last_request => {
                    is_last_request = true;
                    std::pin::Pin::new(&mut http).graceful_shutdown();
                }
            }
        };
        let stream = http.into_parts().io.into_inner().stream;
        let size = script.iter().map(Step::weight).sum();
        // Without memory for it, the connection is closed.
        if let Some(_reserved) = self.app.budget.reserve_script(size) {
            Box::pin(connection::run_script(script, stream)).await;
        }
    }
}

const TLS_HANDSHAKE: u8 = 0x16;

/// The first bytes that the peer sent, without consuming them; `None` if it sent none.
async fn first_bytes(tcp: &TcpStream) -> Option<Vec<u8>> {
    let mut bytes = [0; 16];
    let length = tcp.peek(&mut bytes).await.ok()?;
    (length > 0).then(|| bytes[..length].to_vec())
}
