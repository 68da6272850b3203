//! A scripted user, who walks the real pages as a person would.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use strum::{EnumString, VariantNames};
use tower::ServiceExt;

use crate::pages;
use crate::problem::Problem;
use crate::world::{World, next_code};

/// What the scripted user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Enters the right code.
    Accept,
    /// Enters one wrong code and stops there.
    WrongCode,
    /// Cancels.
    Cancel,
    /// Enters wrong codes until the session has failed.
    Fail,
    /// Has a code sent and walks away.
    Abandon,
}

/// Where it led.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The session's status now.
    pub status: String,
    /// The URL that the last page sent the user to, if it did.
    pub location: Option<String>,
}

/// The body of `POST /_sandbox/sessions/ID/user`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) action: String,
}

impl Action {
    pub(crate) fn named(name: &str) -> Result<Self, Problem> {
        let expected = format!("must be one of {}", Self::VARIANTS.join(", "));
        name.parse().map_err(|_| Problem::field("action", &expected))
    }
}

/// A first code that is refused on purpose takes a second; nothing takes more.
const MOST_CODES: usize = 3;

pub(crate) async fn act(world: &Arc<World>, id: &str, action: Action) -> Result<Outcome, Problem> {
    if world.session(id, |session, _| session.has_ended())? {
        return Err(Problem::conflict("the session has ended: its user can do nothing more"));
    }
    let user = User { world, id };
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
    let status = world.session(id, |session, _| session.status())?.to_owned();
    Ok(Outcome { status, location })
}

struct User<'a> {
    world: &'a Arc<World>,
    id: &'a str,
}

impl User<'_> {
    async fn accept(&self) -> Result<Option<String>, Problem> {
        for _ in 0..MOST_CODES {
            self.post("send", "").await?;
            let code = self.world.inbox.lock().newest_of(self.id).map(|sms| sms.code.clone());
            let code = code.ok_or_else(|| {
                Problem::conflict("no SMS has arrived, so there is no code to enter")
            })?;
            let location = self.enter(&code).await?;
            if self.world.session(self.id, |session, _| session.has_ended())? {
                return Ok(location);
            }
        }
        Err(Problem::conflict("no code that arrived was accepted"))
    }

    async fn fail(&self) -> Result<Option<String>, Problem> {
        let attempts = self.world.session(self.id, |session, _| session.attempts_left())?;
        let attempts = attempts.ok_or_else(|| {
            Problem::conflict("with --max-attempts 0 no wrong code fails a session")
        })?;
        let mut location = None;
        for _ in 0..attempts {
            self.post("send", "").await?;
            location = self.enter(&self.wrong_code()?).await?;
        }
        Ok(location)
    }

    fn wrong_code(&self) -> Result<String, Problem> {
        let code = self.world.session(self.id, |session, _| session.view("").code)?;
        Ok(next_code(&code.unwrap_or_default()))
    }

    async fn enter(&self, code: &str) -> Result<Option<String>, Problem> {
        self.post("code", &format!("code={code}")).await
    }

    /// Sends one of the page's forms, and returns the URL outside the pages that the answer leads to.
    async fn post(&self, form: &str, fields: &str) -> Result<Option<String>, Problem> {
        let page = pages::path(self.id);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{page}/{form}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(fields.to_owned()))
            .map_err(|error| Problem::conflict(error.to_string()))?;
        let answer =
            pages::router(self.world).oneshot(request).await.unwrap_or_else(|never| match never {});
        if answer.status().is_client_error() || answer.status() == StatusCode::INTERNAL_SERVER_ERROR
        {
            return Err(Problem::conflict(format!("the page answered {}", answer.status())));
        }
        let location = answer
            .headers()
            .get(header::LOCATION)
            .map(|url| String::from_utf8_lossy(url.as_bytes()).into_owned());
        Ok(location.filter(|url| !url.starts_with(&page)))
    }
}
