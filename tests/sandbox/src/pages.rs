//! The hosted pages that a session's user walks through: plain forms, no JavaScript.

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

use crate::faults::{Fault, LATENESS};
use crate::options::CancelEnds;
use crate::problem::{Problem, error_page};
use crate::session::{self, Entered, Session};
use crate::words::{ENGLISH, Words};
use crate::world::World;

pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<World>>)> {
    vec![
        ("/2fa-ui/2fa/phone/{id}", get(show)),
        ("/2fa-ui/2fa/phone/{id}/send", post(send)),
        ("/2fa-ui/2fa/phone/{id}/code", post(enter)),
        ("/2fa-ui/2fa/phone/{id}/cancel", post(cancel)),
        ("/2fa-ui/style.css", get(style)),
    ]
}

/// The pages alone, for the scripted user.
pub(crate) fn router(world: &Arc<World>) -> Router {
    let routes = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    routes.with_state(world.clone())
}

/// A session's page, without the host.
pub(crate) fn path(id: &str) -> String {
    session::redirect_url("", id)
}

/// Lets a fault have its way with a page or the answer to its form.
pub(crate) async fn misbehave(
    State(world): State<Arc<World>>,
    request: Request,
    next: Next,
) -> Response {
    match world.fault_of_page() {
        Some(Fault::PageUnavailable) => {
            let page = error_page(StatusCode::SERVICE_UNAVAILABLE, "Please try again in a moment.");
            return sealed(StatusCode::SERVICE_UNAVAILABLE, page);
        }
        Some(Fault::PageLate) => tokio::time::sleep(LATENESS).await,
        _ => {}
    }
    next.run(request).await
}

/// Scripts and frames are barred. Forms may lead anywhere on the web: browsers hold the redirect that follows a form, to
/// wherever the caller asked for, against this too.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' http: https:; frame-ancestors 'none'; base-uri 'none'";

/// With `no-referrer`, browsers would send a form's own Origin as null.
pub(crate) const REFERRER_POLICY: &str = "same-origin";

async fn show(State(world): State<Arc<World>>, Path(id): Path<String>) -> Response {
    page(&world, &id, StatusCode::OK, None)
}

async fn send(State(world): State<Arc<World>>, Path(id): Path<String>) -> Response {
    match world.send_code(&id) {
        Ok(_) => back_to_the_page(&id),
        Err(problem) => not_found(&problem),
    }
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

async fn enter(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Response {
    let code = form.map(|Form(form)| form.code).unwrap_or_default();
    match world.enter_code(&id, &code) {
        Ok(Entered::Right) => {
            leave(&world, &id, |session| session.request.redirect_success.clone())
        }
        Ok(Entered::WrongForGood) => {
            leave(&world, &id, |session| session.request.redirect_failure.clone())
        }
        Ok(Entered::Wrong | Entered::NoCode | Entered::Ended) => back_to_the_page(&id),
        Ok(entered @ (Entered::Malformed | Entered::TooLate)) => {
            page(&world, &id, StatusCode::UNPROCESSABLE_ENTITY, Some(entered))
        }
        Err(problem) => not_found(&problem),
    }
}

async fn cancel(State(world): State<Arc<World>>, Path(id): Path<String>) -> Response {
    match (world.cancel(&id), world.options.cancel) {
        (Ok(true), CancelEnds::Redirect) => {
            leave(&world, &id, |session| session.request.redirect_failure.clone())
        }
        (Ok(_), _) => back_to_the_page(&id),
        (Err(problem), _) => not_found(&problem),
    }
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../assets/style.css"))
}

/// A redirect after each form, so that reloading a page never sends a form twice.
fn back_to_the_page(id: &str) -> Response {
    see_other(&path(id))
}

fn leave(world: &World, id: &str, url: impl FnOnce(&Session) -> String) -> Response {
    match world.session(id, |session, _| url(session)) {
        Ok(url) => see_other(&url),
        Err(problem) => not_found(&problem),
    }
}

/// `to` goes out exactly as it was given. URLs were checked when they came in, so there is nothing here that a header cannot hold.
fn see_other(to: &str) -> Response {
    let location = HeaderValue::from_bytes(to.as_bytes()).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    seal(&mut response);
    response
}

#[derive(Template)]
#[template(path = "phone.html")]
struct Page<'a> {
    words: &'static Words,
    path: String,
    phone: &'a str,
    tone: &'static str,
    symbol: &'static str,
    heading: &'static str,
    screen: Screen<'a>,
    attempts: Option<String>,
    complaint: Option<&'static str>,
    /// The code cannot be entered any more.
    too_late: bool,
    going: bool,
}

enum Screen<'a> {
    Send,
    Code,
    Wrong,
    Ended { text: &'static str, link: Option<&'a str>, link_text: &'static str },
}

fn page(world: &World, id: &str, status: StatusCode, entered: Option<Entered>) -> Response {
    let rendered = world.session(id, |session, _| Page::of(session, entered).render());
    match rendered {
        Ok(Ok(html)) => sealed(status, html),
        Ok(Err(error)) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
                .into_response()
        }
        Err(problem) => not_found(&problem),
    }
}

fn not_found(problem: &Problem) -> Response {
    let words = &ENGLISH;
    let screen = Screen::Ended { text: words.not_found, link: None, link_text: "" };
    let page = Page {
        words,
        path: String::new(),
        phone: "",
        tone: "bad",
        symbol: "?",
        heading: words.not_found_title,
        screen,
        attempts: None,
        complaint: None,
        too_late: false,
        going: false,
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::NOT_FOUND);
    sealed(status, page.render().unwrap_or_default())
}

fn sealed(status: StatusCode, html: String) -> Response {
    let mut response = (status, Html(html)).into_response();
    seal(&mut response);
    response
}

fn seal(response: &mut Response) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, REFERRER_POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

impl<'a> Page<'a> {
    fn of(session: &'a Session, entered: Option<Entered>) -> Self {
        let words = Words::of(&session.request.locale);
        let ended =
            |text, link: &'a str, link_text| Screen::Ended { text, link: Some(link), link_text };
        let (yes, no) = (&session.request.redirect_success, &session.request.redirect_failure);
        let (tone, symbol, heading, screen) = match &session.state {
            session::State::Ready => ("", "✉", words.title, Screen::Send),
            session::State::CodeSent { .. } => ("", "✱", words.code_title, Screen::Code),
            session::State::WrongCode => ("bad", "!", words.wrong_title, Screen::Wrong),
            session::State::Accepted => {
                ("good", "✓", words.accepted_title, ended(words.accepted, yes, words.go_on))
            }
            session::State::Failed => {
                ("bad", "✕", words.failed_title, ended(words.failed, no, words.go_back))
            }
            session::State::Cancelled => {
                ("bad", "✕", words.cancelled_title, ended(words.cancelled, no, words.go_back))
            }
            session::State::TimedOut => {
                ("bad", "✕", words.timeout_title, ended(words.timeout, no, words.go_back))
            }
        };
        Self {
            words,
            path: path(&session.id),
            phone: &session.request.metadata.phone_number,
            tone,
            symbol,
            heading,
            screen,
            attempts: session
                .attempts_left()
                .map(|left| words.attempts_left.replace("{}", &left.to_string())),
            complaint: entered.map(|entered| {
                if entered == Entered::TooLate { words.too_late } else { words.malformed }
            }),
            too_late: entered == Some(Entered::TooLate),
            going: !session.has_ended(),
        }
    }
}
