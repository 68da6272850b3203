//! Protection against web pages of other origins: a browser on this machine can reach the sandbox,
//! and so can any page that it shows.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::host::{Authority, Host};
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
    let Some(own) = host(&request) else {
        return forbidden("the request must have one valid Host header, which matches its target");
    };
    if !is_allowed(&app, &own.host) {
        return forbidden("this Host header is not allowed; --allow-host NAME allows another name");
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_embedded(request.headers()) || !is_read && has_foreign_origin(request.headers(), &own) {
        return forbidden("requests from another origin are not allowed");
    }
    next.run(request).await
}

/// The one Host header. If the target of the request contains a host too, it must be the same.
fn host(request: &Request) -> Option<Authority> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host = Authority::parse(host.to_str().ok()?)?;
    let target = request.uri().authority();
    let is_same = |target: &str| Authority::parse(target).as_ref() == Some(&host);
    target.is_none_or(|target| is_same(target.as_str())).then_some(host)
}

fn is_allowed(app: &App, host: &Host) -> bool {
    let is_allowed = |allowed: &String| Host::parse_option(allowed).as_ref() == Some(host);
    host.loopback_addresses().is_some()
        || *host == Host::Address(app.options.host)
        || app.options.allow_host.iter().any(is_allowed)
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
fn has_foreign_origin(headers: &HeaderMap, own: &Authority) -> bool {
    let is_own = |origin: &str| {
        let (authority, default_port) = match origin.split_once("://") {
            Some(("http", authority)) => (authority, 80),
            Some(("https", authority)) => (authority, 443),
            _ => return false,
        };
        // Browsers leave out the default port.
        let port = |authority: &Authority| authority.port.unwrap_or(default_port);
        Authority::parse(authority)
            .is_some_and(|origin| origin.host == own.host && port(&origin) == port(own))
    };
    !headers.get_all(header::ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_own))
}
