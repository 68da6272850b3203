//! Keeps web pages of other origins out: a browser on this machine can reach the sandbox, and so can any page it shows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::world::World;

/// Refuses a foreign Host (a name that was pointed at this machine to get around the same-origin rule), and whatever a page of
/// another origin asks for. Even a look that it may not have would use up an armed fault.
pub(crate) async fn check(
    State(world): State<Arc<World>>,
    request: Request,
    next: Next,
) -> Response {
    let refused = |what| Problem::new(StatusCode::FORBIDDEN, "forbidden", what).into_response();
    let Some(host) = host(&request) else {
        return refused("a request needs one Host header");
    };
    if !is_expected(&world, &host) {
        return refused("this Host is not the sandbox's; --allow-host NAME allows one more");
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_embedded(request.headers()) || !reads && is_cross_origin(request.headers(), &host) {
        return refused("a page of another origin may not do this");
    }
    next.run(request).await
}

fn host(request: &Request) -> Option<String> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(String::from_utf8_lossy(host.as_bytes()).into_owned()),
        (None, _) => request.uri().authority().map(ToString::to_string),
        _ => None,
    }
}

fn is_expected(world: &World, host: &str) -> bool {
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let own_address =
        address.is_ok_and(|address| address.is_loopback() || address == world.options.host);
    let lower = name.to_ascii_lowercase();
    let loopback = lower == "localhost" || lower.ends_with(".localhost");
    own_address
        || loopback
        || world.options.allow_host.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a browser says that a page of another origin asks on its own behalf. That page may send its user here, by a link or
/// a redirect, but not fetch or frame anything. Callers that are no browser send none of these headers.
fn is_embedded(headers: &HeaderMap) -> bool {
    let says = |name, word| headers.get(name).is_some_and(|value| value == word);
    let foreign = says("sec-fetch-site", "cross-site") || says("sec-fetch-site", "same-site");
    foreign && !(says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document"))
}

/// Callers that are no browser send no Origin.
fn is_cross_origin(headers: &HeaderMap, host: &str) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        !own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    })
}
