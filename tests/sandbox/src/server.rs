//! Connections and the order in which a request meets everything: time limits, Host check, journal, faults, routes.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::faults::{Fault, Target};
use crate::journal::Arrived;
use crate::problem::Problem;
use crate::tls::Tls;
use crate::wire::{self, Connection, Stream};
use crate::world::{Pending, World};
use crate::{admin, dashboard, gateway, guard, pages, webhooks};

/// A request's head and its body must arrive within this time each; so must the next request on a connection kept open.
const PATIENCE: Duration = Duration::from_secs(30);
/// Far above any real request's body; scripted answers may be larger.
const LARGEST_BODY: usize = 64 << 10;
const LARGEST_ADMIN_BODY: usize = 4 << 20;

pub(crate) fn router(world: &Arc<World>) -> Router {
    let calls = collect(gateway::routes())
        .route_layer(middleware::from_fn_with_state(world.clone(), gateway::misbehave));
    let pages = collect(pages::routes())
        .route_layer(middleware::from_fn_with_state(world.clone(), pages::misbehave));
    Router::new()
        .merge(calls)
        .merge(pages)
        .merge(collect(admin::routes()))
        .merge(collect(dashboard::routes()))
        .fallback(|| async {
            Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
        })
        .method_not_allowed_fallback(|| async {
            let problem = "this path has other methods; the Allow header lists them";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", problem)
        })
        .layer(middleware::from_fn_with_state(world.clone(), record))
        .layer(middleware::from_fn_with_state(world.clone(), guard::check))
        .layer(middleware::map_response(say_what_this_is))
        .with_state(world.clone())
}

fn collect(
    routes: Vec<(&'static str, axum::routing::MethodRouter<Arc<World>>)>,
) -> Router<Arc<World>> {
    routes.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

async fn say_what_this_is(mut response: Response) -> Response {
    let this = HeaderValue::from_static(concat!("zignsec-sandbox/", env!("CARGO_PKG_VERSION")));
    response.headers_mut().insert("x-sandbox", this);
    response
}

/// Takes the request in whole, so that nothing below waits for the network, and writes it down.
async fn record(
    State(world): State<Arc<World>>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let own = is_own(request.uri().path());
    let (head, body) = request.into_parts();
    let limit = if own { LARGEST_ADMIN_BODY } else { LARGEST_BODY };
    let body = match tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        // What is left of the body is still on its way, so nothing more can be read from this connection.
        Ok(Err(_)) => {
            let problem = format!("the body is over {limit} bytes, or its framing is broken");
            return last(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_refused", problem));
        }
        Err(_) => {
            let problem = "the body took longer than 30 seconds";
            return last(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", problem));
        }
    };
    if own {
        return next.run(Request::from_parts(head, Body::from(body))).await;
    }
    let arrived = Arrived {
        method: &head.method,
        uri: &head.uri,
        headers: &head.headers,
        body: &body,
        connection: connection.number,
    };
    let id = world.journal.lock().record(world.clock.now(), arrived);
    world.changed();
    let mut response = next.run(Request::from_parts(head, Body::from(body))).await;
    world.journal.lock().answered(id, response.status());
    world.changed();
    response
        .headers_mut()
        .entry(HeaderName::from_static("x-request-id"))
        .or_insert(HeaderValue::from(id));
    response
}

fn last(problem: Problem) -> Response {
    ([(header::CONNECTION, "close")], problem).into_response()
}

/// Paths that are the sandbox's own and have no part in the gateway's life.
fn is_own(path: &str) -> bool {
    matches!(path, "/" | "/favicon.ico" | "/2fa-ui/style.css") || path.starts_with("/_sandbox/")
}

/// Binds before anything else is started, so that the address is known and an error reaches the caller.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // The standard library's backlog is too short for a load test.
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves until it is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    world: Arc<World>,
    pending: Pending,
    tls: Option<Tls>,
) -> io::Result<Infallible> {
    tokio::spawn(webhooks::deliver_all(world.clone(), pending.events));
    tokio::spawn(world.clone().deliver_late_sms(pending.late_sms));
    tokio::spawn(world.clone().end_sessions_in_time());
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server =
        Arc::new(Server { router: router(&world), world, tls, connections: AtomicU64::new(0) });
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => drop(tokio::spawn(server.clone().connection(tcp))),
            // Out of file descriptors, most likely: those who have one should finish first.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

struct Server {
    router: Router,
    world: Arc<World>,
    tls: Option<Tls>,
    connections: AtomicU64,
}

impl Server {
    async fn connection(self: Arc<Self>, tcp: TcpStream) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = tcp.set_nodelay(true);
        let Ok(Some(first)) = tokio::time::timeout(PATIENCE, first_bytes(&tcp)).await else {
            return;
        };
        let encrypted = first.first() == Some(&TLS_HANDSHAKE);
        // Faults of the connection itself must not meet those who come to arm or clear them.
        if encrypted || first.windows(6).any(|bytes| bytes == b" /core") {
            match self.world.take_fault(Target::Accept) {
                Some(Fault::ResetOnAccept) => return wire::reset(&tcp),
                Some(_) => return wire::close_unread(tcp).await,
                None => {}
            }
        }
        let stream = match &self.tls {
            Some(tls) if encrypted => {
                let fault = self.world.take_fault(Target::Handshake);
                match tokio::time::timeout(PATIENCE, tls.accept(tcp, fault.as_ref())).await {
                    Ok(Ok(Some(stream))) => Stream::Tls(Box::new(stream)),
                    _ => return,
                }
            }
            _ => Stream::Plain(tcp),
        };
        self.http(number, stream).await;
    }

    async fn http(&self, number: u64, stream: Stream) {
        let (connection, mut taken_over) = Connection::new(number);
        let plain_where_tls_is_spoken = self.tls.is_some() && matches!(stream, Stream::Plain(_));
        let service = hyper::service::service_fn(
            |request: hyper::Request<hyper::body::Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(connection.clone());
                let router = self.router.clone();
                async move {
                    if plain_where_tls_is_spoken && !is_own(request.uri().path()) {
                        let problem = "this port speaks HTTPS; only the sandbox's own routes also answer plain HTTP";
                        return Ok(last(Problem::new(
                            StatusCode::BAD_REQUEST,
                            "https_expected",
                            problem,
                        )));
                    }
                    router.oneshot(request).await
                }
            },
        );
        let mut http = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), service);
        let script = tokio::select! {
            _ = &mut http => return,
            Some(script) = taken_over.recv() => script,
        };
        wire::play(script, http.into_parts().io.into_inner()).await;
    }
}

const TLS_HANDSHAKE: u8 = 0x16;

/// What the peer says first, left unread. None where it says nothing.
async fn first_bytes(tcp: &TcpStream) -> Option<Vec<u8>> {
    let mut bytes = [0; 16];
    let length = tcp.peek(&mut bytes).await.ok()?;
    (length > 0).then(|| bytes[..length].to_vec())
}
