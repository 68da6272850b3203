//! One attempt at a call: bytes out, bytes in, and what is known when it fails.
//!
//! Built on ureq with its own sockets and TLS, and its extension points where it does not tell
//! enough: `connect` marks the failures that came before the first byte of a request, `look_up`
//! answers for hosts that need no name server.

mod connect;
mod failure;
mod interrupt;
mod look_up;
pub(crate) mod proxy;
pub(crate) mod tls;

use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, request};
use ureq::{Agent, AsSendBody, Body};

pub(crate) use failure::Failure;
pub(crate) use interrupt::{Hook, Scope, Stopped, Watch};

use crate::options::{Limits, Settings};

/// The largest answer that is read.
const BODY_LIMIT: usize = 1024 * 1024;
/// How long an idle connection is kept: less than servers commonly keep theirs.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
const BUFFER: usize = 16 * 1024;
/// The largest head of an answer. It must be less than the buffer: ureq takes a buffer that is full
/// for a connection that ended.
const HEAD_LIMIT: usize = BUFFER - 1;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What to send; the key is added by each attempt.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: String,
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

/// The connections of a client.
pub(crate) struct Transport {
    agent: Agent,
    auth_header: HeaderName,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(settings.base_url.is_https())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(settings.proxy.clone())
            .tls_config(settings.tls.clone())
            .user_agent(settings.user_agent.as_str())
            .accept("application/json")
            .timeout_resolve(Some(settings.limits.connect))
            .timeout_connect(Some(settings.limits.connect))
            .max_idle_age(IDLE_LIMIT)
            .max_response_header_size(HEAD_LIMIT)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .build();
        Self {
            agent: Agent::with_parts(config, connect::connector(), look_up::LookUp::default()),
            auth_header: HeaderName::from_static(settings.auth_scheme.header()),
        }
    }

    /// Makes one attempt, which ends at `deadline` at the latest.
    pub(crate) fn send(
        &self,
        call: &Call<'_>,
        key: &str,
        limits: &Limits,
        deadline: Instant,
        watch: &Watch,
    ) -> Result<Answer, Failure> {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        if left.is_zero() {
            return Err(Failure::too_late());
        }
        let _ = watch;
        let limit = left.min(limits.attempt);
        let head = self.head(call, key)?;
        let mut response = if call.creates() {
            self.run(head.header("content-type", JSON).body(call.body.as_slice()), limit)?
        } else {
            self.run(head.body(()), limit)?
        };

        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let request_id = request_id(response.headers());
        let mut body = Vec::new();
        let read =
            response.body_mut().as_reader().take(BODY_LIMIT as u64 + 1).read_to_end(&mut body);
        let mut answer = Answer { status, retry_after, request_id, too_large: false, body };
        match read {
            // What an error answer says is worth more than how it ended.
            Err(error) if answer.is_success() => Err(ureq::Error::from(error).into()),
            _ => {
                answer.too_large = answer.body.len() > BODY_LIMIT;
                Ok(answer)
            }
        }
    }

    fn head(&self, call: &Call<'_>, key: &str) -> Result<request::Builder, Failure> {
        let mut key = HeaderValue::from_str(key).map_err(|_| Failure::unsendable("the API key"))?;
        key.set_sensitive(true);
        let mut head = Request::builder()
            .method(call.method.clone())
            .uri(&call.url)
            .header(&self.auth_header, key);
        if let Some(token) = call.csrf_token {
            head = head.header("x-csrf-token", token);
        }
        Ok(head)
    }

    fn run(
        &self,
        request: Result<Request<impl AsSendBody>, ureq::http::Error>,
        limit: Duration,
    ) -> Result<Response<Body>, Failure> {
        let request = request.map_err(|_| Failure::unsendable("the request"))?;
        let request = self.agent.configure_request(request).timeout_global(Some(limit)).build();
        Ok(self.agent.run(request)?)
    }
}

/// `Retry-After` in seconds or as an HTTP date; what cannot be read counts as absent.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
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
