//! The scripted user, who submits the forms of the hosted pages like a person.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use strum::{EnumString, VariantNames};
use tower::ServiceExt;

use crate::app::{App, different_code};
use crate::pages;
use crate::problem::Problem;

/// What the scripted user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Requests a code and enters it.
    Accept,
    /// Requests a code and enters a wrong one.
    WrongCode,
    /// Cancels.
    Cancel,
    /// Enters wrong codes until the session has failed.
    Fail,
    /// Requests a code and does not enter it.
    Abandon,
}

/// The result of an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The status of the session after the action.
    pub status: String,
    /// The URL that the last page redirected the user to, if it did.
    pub location: Option<String>,
}

/// The body of `POST /_sandbox/sessions/ID/user`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserActionRequest {
    pub(crate) action: String,
}

impl Action {
    pub(crate) fn from_name(name: &str) -> Result<Self, Problem> {
        let expected = format!("must be one of {}", Self::VARIANTS.join(", "));
        name.parse().map_err(|_| Problem::invalid_field("action", &expected))
    }
}

/// One magic number sends a wrong code first. No number needs more than two codes.
const MAX_CODES: usize = 3;

pub(crate) async fn act(app: &Arc<App>, id: &str, action: Action) -> Result<Outcome, Problem> {
    if app.session(id)?.has_ended() {
        return Err(Problem::conflict("the session has already ended"));
    }
    let user = User { app, id };
    let location = match action {
        Action::Accept => user.accept().await?,
        Action::WrongCode => {
            user.post("send", "").await?;
            user.enter(&user.wrong_code()?).await?
        }
        Action::Cancel => user.post("cancel", "").await?,
        Action::Fail => user.fail().await?,
        Action::Abandon => {
            user.post("send", "").await?;
            None
        }
    };
    let status = app.session(id)?.status().to_owned();
    Ok(Outcome { status, location })
}

struct User<'a> {
    app: &'a Arc<App>,
    id: &'a str,
}

impl User<'_> {
    async fn accept(&self) -> Result<Option<String>, Problem> {
        for _ in 0..MAX_CODES {
            self.post("send", "").await?;
            let code = self.app.newest_code(self.id).ok_or_else(|| {
                Problem::conflict("no SMS was delivered, so there is no code to enter")
            })?;
            let location = self.enter(&code).await?;
            if self.app.session(self.id)?.has_ended() {
                return Ok(location);
            }
        }
        Err(Problem::conflict("none of the delivered codes was accepted"))
    }

    async fn fail(&self) -> Result<Option<String>, Problem> {
        let attempts = self.app.session(self.id)?.attempts_left();
        let attempts = attempts.ok_or_else(|| {
            Problem::conflict("with --max-attempts 0, wrong codes do not fail a session")
        })?;
        let mut location = None;
        for _ in 0..attempts {
            self.post("send", "").await?;
            location = self.enter(&self.wrong_code()?).await?;
        }
        Ok(location)
    }

    fn wrong_code(&self) -> Result<String, Problem> {
        let code = self.app.session_view(self.id)?.code;
        Ok(different_code(&code.unwrap_or_default()))
    }

    async fn enter(&self, code: &str) -> Result<Option<String>, Problem> {
        self.post("code", &format!("code={code}")).await
    }

    /// Submits a form of the page. Returns the URL of a redirect that leaves the hosted pages.
    async fn post(&self, form: &str, fields: &str) -> Result<Option<String>, Problem> {
        let page = pages::path(self.id);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{page}/{form}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(fields.to_owned()))
            .map_err(|error| Problem::conflict(error.to_string()))?;
        let response =
            pages::router(self.app).oneshot(request).await.unwrap_or_else(|never| match never {});
        let status = response.status();
        if status.is_client_error() || status == StatusCode::INTERNAL_SERVER_ERROR {
            return Err(Problem::conflict(format!("the hosted page returned {status}")));
        }
        let location = response
            .headers()
            .get(header::LOCATION)
            .map(|url| String::from_utf8_lossy(url.as_bytes()).into_owned());
        Ok(location.filter(|url| !url.starts_with(&page)))
    }
}
