//! One attempt at a call: bytes out, bytes in, and what is known when it fails.
//!
//! HTTP is ureq's. What carries it is here, by way of ureq's extension points: `connect` opens a
//! [`connection`] over a `socket`, `tls` or a proxy's tunnel, none of which blocks for long without a
//! look at the [`attempt`] that it works for.

mod attempt;
mod connect;
mod connection;
mod failure;
mod interrupt;
mod look_up;
mod process;
pub(crate) mod proxy;
mod socket;
mod tls;
pub(crate) mod trust;
mod wire;

use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::{HeaderMap, HeaderValue, Method, Request, header, request};
use ureq::{Agent, AsSendBody};

use attempt::Attempt;
pub(crate) use failure::Failure;
pub(crate) use interrupt::{Hook, Scope, Stopped, Watch};
use process::PerProcess;

use crate::options::{Key, Limits, Settings};

/// The largest answer that is read.
const BODY_LIMIT: usize = 1024 * 1024;
/// How long an idle connection is kept: less than servers commonly keep theirs.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// How many idle connections are kept: one for each thread of a busy server.
const IDLE_COUNT: usize = 64;
const BUFFER: usize = 16 * 1024;
/// The largest head of an answer. It must be less than the buffer: ureq takes a buffer that is full
/// for a connection that ended.
const HEAD_LIMIT: usize = BUFFER - 1;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What to send; the key is added by each attempt.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// What follows the base URL.
    pub(crate) path: String,
    pub(crate) csrf_token: Option<&'a str>,
    pub(crate) body: Vec<u8>,
    /// The session that is asked for.
    pub(crate) session_id: Option<&'a str>,
}

impl Call<'_> {
    /// Whether the call changes something at the gateway.
    pub(crate) fn creates(&self) -> bool {
        self.method == Method::POST
    }
}

/// What came back, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Vec<u8>,
    /// The body went on after the limit.
    pub(crate) too_large: bool,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

/// What an attempt came to.
pub(crate) struct Outcome {
    pub(crate) result: Result<Answer, Failure>,
    /// Whether it used a connection that stood open.
    pub(crate) reused: bool,
}

/// What bounds a call.
pub(crate) struct Bounds<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) watch: &'a Watch,
}

/// The settings of a client and its connections.
pub(crate) struct Transport {
    pub(crate) settings: Settings,
    agent: PerProcess<Agent>,
}

impl Transport {
    pub(crate) const fn new(settings: Settings) -> Self {
        Self { settings, agent: PerProcess::new() }
    }

    /// Makes one attempt. A `fresh` one uses no connection that stood open.
    pub(crate) fn send(
        &self,
        call: &Call<'_>,
        key: &Key,
        bounds: &Bounds<'_>,
        fresh: bool,
    ) -> Outcome {
        let agent = self.agent.get_or_init(|| agent(&self.settings));
        let now = Instant::now();
        let connected_by = now + bounds.limits.connect;
        let answered_by = bounds.deadline.min(now + bounds.limits.attempt);
        Attempt::new(bounds.watch, connected_by, answered_by).run(|attempt| {
            let result = self.head(call, key).and_then(|head| {
                if call.creates() {
                    let head = head.header(header::CONTENT_TYPE, JSON);
                    run(agent, head.body(call.body.as_slice())?, fresh)
                } else {
                    run(agent, head.body(())?, fresh)
                }
            });
            Outcome {
                result: result.map_err(|error| Failure::of(attempt, error)),
                reused: !attempt.connected(),
            }
        })
    }

    fn head(&self, call: &Call<'_>, key: &Key) -> Result<request::Builder, ureq::Error> {
        let head = Request::builder()
            .method(call.method.clone())
            .uri(self.settings.base_url.join(&call.path)?)
            .header(self.settings.auth_scheme.header(), key.header());
        Ok(match call.csrf_token {
            Some(token) => head.header("x-csrf-token", token),
            None => head,
        })
    }
}

fn agent(settings: &Settings) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(settings.base_url.is_https())
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(settings.proxy.clone())
        .user_agent(settings.user_agent.as_str())
        .accept("application/json")
        .max_idle_age(IDLE_LIMIT)
        .max_idle_connections(IDLE_COUNT)
        .max_idle_connections_per_host(IDLE_COUNT)
        .max_response_header_size(HEAD_LIMIT)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .build();
    let connector = connect::connector(settings.tls.clone(), settings.proxy.is_some());
    Agent::with_parts(config, connector, look_up::Later)
}

fn run(
    agent: &Agent,
    mut request: Request<impl AsSendBody>,
    fresh: bool,
) -> Result<Answer, ureq::Error> {
    if fresh {
        request = agent.configure_request(request).max_idle_age(Duration::ZERO).build();
    }
    let mut response = agent.run(request)?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let request_id = request_id(response.headers());
    let mut body = Vec::with_capacity(expected_length(response.body()));
    let read = response.body_mut().as_reader().take(BODY_LIMIT as u64 + 1).read_to_end(&mut body);
    let too_large = body.len() > BODY_LIMIT;
    let answer = Answer { status, retry_after, request_id, body, too_large };
    match read {
        // What an error answer says is worth more than how it ended.
        Err(error) if answer.is_success() => Err(error.into()),
        _ => Ok(answer),
    }
}

/// How much room to make for a body: as much as it says it has, within bounds.
fn expected_length(body: &ureq::Body) -> usize {
    /// The standard library probes with a small read of its own where there is less room than this.
    const SPARE: usize = 32;
    let length = body.content_length().unwrap_or_default().try_into().unwrap_or(usize::MAX);
    length.min(BODY_LIMIT) + SPARE
}

/// `Retry-After` in seconds or as an HTTP date; what cannot be read counts as absent.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "x-correlation-id", "request-id"]
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok().filter(|id| !id.is_empty()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderName;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_nonsense_is_not() {
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("120", Some(Duration::from_secs(120))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("99999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(retry_after(&headers("retry-after", text)), expected, "{text}");
        }
        let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
        let date = httpdate::fmt_http_date(in_an_hour);
        let left = retry_after(&headers("retry-after", &date)).unwrap();
        assert!(left > Duration::from_secs(3590) && left <= Duration::from_secs(3600), "{left:?}");
    }

    #[test]
    fn the_request_id_is_the_first_of_its_headers() {
        let mut both = headers("request-id", "last");
        assert_eq!(request_id(&both).as_deref(), Some("last"));
        both.insert("x-request-id", "".parse().unwrap());
        assert_eq!(request_id(&both).as_deref(), Some("last"));
        both.insert("x-request-id", "first".parse().unwrap());
        assert_eq!(request_id(&both).as_deref(), Some("first"));
    }
}
