//! The hosted pages for the user of a session: HTML forms without JavaScript.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;

use crate::app::App;
use crate::faults::{Fault, RESPONSE_DELAY};
use crate::messages::{ENGLISH, Messages};
use crate::options::CancelDestination;
use crate::problem::{Problem, error_page};
use crate::request::StartRequest;
use crate::session::{self, CodeResult, Session};

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/2fa-ui/2fa/phone/{id}", get(show)),
        ("/2fa-ui/2fa/phone/{id}/send", post(send)),
        ("/2fa-ui/2fa/phone/{id}/code", post(enter)),
        ("/2fa-ui/2fa/phone/{id}/cancel", post(cancel)),
        ("/2fa-ui/style.css", get(style)),
    ]
}

/// A router with the hosted pages only, without faults, for the scripted user.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let routes = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    routes.with_state(app.clone())
}

/// The path of the page of a session.
pub(crate) fn path(id: &str) -> String {
    session::redirect_url("", id)
}

/// Injects an armed fault or chaos into a page or the response to its form.
pub(crate) async fn inject_fault(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    match app.next_page_fault() {
        Some(Fault::PageUnavailable) => {
            let page = error_page(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.");
            return html_response(StatusCode::SERVICE_UNAVAILABLE, page);
        }
        Some(Fault::PageLate) => tokio::time::sleep(RESPONSE_DELAY).await,
        _ => {}
    }
    next.run(request).await
}

/// Forbids scripts and frames. `form-action` allows any host, because browsers also apply it to the
/// redirect after a form, which goes to the caller's URL.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; \
    form-action 'self' http: https:; frame-ancestors 'none'; base-uri 'none'";

/// With `no-referrer`, browsers would send `Origin: null` for the forms of these pages.
pub(crate) const REFERRER_POLICY: &str = "same-origin";

async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    page(&app, &id, StatusCode::OK, None)
}

async fn send(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match app.send_code(&id) {
        Ok(_) => redirect_to_page(&id),
        Err(problem) => not_found(&problem),
    }
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

async fn enter(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Response {
    let code = form.map(|Form(form)| form.code).unwrap_or_default();
    match app.enter_code(&id, &code) {
        Ok(CodeResult::Correct) => {
            redirect_to_caller(&app, &id, |session| &session.request.redirect_success)
        }
        Ok(CodeResult::OutOfAttempts) => {
            redirect_to_caller(&app, &id, |session| &session.request.redirect_failure)
        }
        Ok(CodeResult::Wrong | CodeResult::NoCode | CodeResult::Ended) => redirect_to_page(&id),
        Ok(result @ (CodeResult::Malformed | CodeResult::Expired)) => {
            page(&app, &id, StatusCode::UNPROCESSABLE_ENTITY, Some(result))
        }
        Err(problem) => not_found(&problem),
    }
}

async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match (app.cancel(&id), app.options.cancel) {
        (Ok(true), CancelDestination::Redirect) => {
            redirect_to_caller(&app, &id, |session| &session.request.redirect_failure)
        }
        (Ok(_), _) => redirect_to_page(&id),
        (Err(problem), _) => not_found(&problem),
    }
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../assets/style.css"))
}

/// Redirects after a form, so that reloading the page does not submit the form again.
fn redirect_to_page(id: &str) -> Response {
    see_other(&path(id))
}

fn redirect_to_caller(app: &App, id: &str, url: fn(&Session) -> &str) -> Response {
    match app.session(id) {
        Ok(session) => see_other(url(&session)),
        Err(problem) => not_found(&problem),
    }
}

/// Redirects to exactly this URL. URLs are validated when the session is started, so this one is a
/// valid header value.
fn see_other(to: &str) -> Response {
    let location = HeaderValue::from_bytes(to.as_bytes()).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    add_security_headers(&mut response);
    response
}

#[derive(Template)]
#[template(path = "phone.html")]
struct Page<'a> {
    messages: &'static Messages,
    path: String,
    phone: &'a str,
    tone: &'static str,
    symbol: &'static str,
    heading: &'static str,
    screen: Screen<'a>,
    attempts: Option<String>,
    error: Option<&'static str>,
    /// Whether the code has expired, so that a new one must be sent.
    code_expired: bool,
    can_cancel: bool,
}

enum Screen<'a> {
    Send,
    Code,
    WrongCode,
    Ended { text: &'static str, link: Option<&'a str>, link_text: &'static str },
}

fn page(app: &App, id: &str, status: StatusCode, result: Option<CodeResult>) -> Response {
    let rendered = app.session(id).map(|session| Page::new(&session, result).render());
    match rendered {
        Ok(Ok(html)) => html_response(status, html),
        Ok(Err(error)) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
                .into_response()
        }
        Err(problem) => not_found(&problem),
    }
}

fn not_found(problem: &Problem) -> Response {
    let messages = &ENGLISH;
    let screen = Screen::Ended { text: messages.not_found, link: None, link_text: "" };
    let page = Page {
        messages,
        path: String::new(),
        phone: "",
        tone: "bad",
        symbol: "?",
        heading: messages.not_found_title,
        screen,
        attempts: None,
        error: None,
        code_expired: false,
        can_cancel: false,
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::NOT_FOUND);
    html_response(status, page.render().unwrap_or_default())
}

fn html_response(status: StatusCode, html: String) -> Response {
    let mut response = (status, Html(html)).into_response();
    add_security_headers(&mut response);
    response
}

fn add_security_headers(response: &mut Response) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, REFERRER_POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

impl<'a> Page<'a> {
    fn new(session: &'a Session, result: Option<CodeResult>) -> Self {
        let messages = Messages::for_locale(&session.request.locale);
        let ended =
            |text, link: &'a str, link_text| Screen::Ended { text, link: Some(link), link_text };
        let StartRequest { redirect_success: success, redirect_failure: failure, .. } =
            &session.request;
        let (tone, symbol, heading, screen) = match &session.state {
            session::State::Ready => ("", "✉", messages.title, Screen::Send),
            session::State::CodeSent { .. } => ("", "✱", messages.code_title, Screen::Code),
            session::State::WrongCode => ("bad", "!", messages.wrong_title, Screen::WrongCode),
            session::State::Accepted => (
                "good",
                "✓",
                messages.accepted_title,
                ended(messages.accepted, success, messages.continue_link),
            ),
            session::State::Failed => (
                "bad",
                "✕",
                messages.failed_title,
                ended(messages.failed, failure, messages.go_back),
            ),
            session::State::Cancelled => (
                "bad",
                "✕",
                messages.cancelled_title,
                ended(messages.cancelled, failure, messages.go_back),
            ),
            session::State::TimedOut => (
                "bad",
                "✕",
                messages.timeout_title,
                ended(messages.timeout, failure, messages.go_back),
            ),
        };
        Self {
            messages,
            path: path(&session.id),
            phone: &session.request.metadata.phone_number,
            tone,
            symbol,
            heading,
            screen,
            attempts: session
                .attempts_left()
                .map(|left| messages.attempts_left.replace("{}", &left.to_string())),
            error: result.map(|result| {
                if result == CodeResult::Expired {
                    messages.code_expired
                } else {
                    messages.malformed
                }
            }),
            code_expired: result == Some(CodeResult::Expired),
            can_cancel: !session.has_ended(),
        }
    }
}
