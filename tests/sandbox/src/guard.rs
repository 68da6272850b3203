//! Protection against web pages of other origins: a browser on this machine can reach the sandbox,
//! and so can any page that it shows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::loopback::loopback_addresses;
use crate::problem::Problem;

/// Rejects a foreign Host header (DNS rebinding) and every cross-origin request. Even a request
/// whose response the page cannot read would use up an armed fault.
pub(crate) async fn reject_foreign(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let forbidden =
        |reason| Problem::new(StatusCode::FORBIDDEN, "forbidden", reason).into_response();
    let Some(host) = host(&request) else {
        return forbidden("the request must have exactly one Host header");
    };
    if !is_allowed_host(&app, &host) {
        return forbidden("this Host header is not allowed; --allow-host NAME allows another name");
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_embedded(request.headers()) || !is_read && has_foreign_origin(request.headers(), &host) {
        return forbidden("requests from another origin are not allowed");
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

fn is_allowed_host(app: &App, host: &str) -> bool {
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    loopback_addresses(name).is_some()
        || address.is_ok_and(|address| address == app.options.host)
        || app.options.allow_host.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether the Fetch Metadata headers show that a page of another origin fetches or frames
/// something. Such a page may only navigate its user here, by a link or a redirect. Clients other
/// than browsers do not send these headers.
fn is_embedded(headers: &HeaderMap) -> bool {
    let has = |name, value| headers.get(name).is_some_and(|actual| actual == value);
    let foreign = has("sec-fetch-site", "cross-site") || has("sec-fetch-site", "same-site");
    foreign && !(has("sec-fetch-mode", "navigate") && has("sec-fetch-dest", "document"))
}

/// Clients other than browsers do not send Origin.
fn has_foreign_origin(headers: &HeaderMap, host: &str) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        !own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    })
}
