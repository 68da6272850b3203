//! Webhooks: what is told to the caller's own server, how it is signed, and how often it is tried.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::bounded::Bounded;
use crate::faults::Fault;
use crate::options::{Options, WebhookShape};
use crate::problem::Problem;
use crate::session::Session;
use crate::world::World;

/// Pauses before the second attempt, the third and so on, by the sandbox's clock.
const RETRIES_AFTER_SECONDS: [u64; 7] =
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];
/// How late the `webhook-late` fault makes one, by the sandbox's clock.
pub(crate) const LATENESS: Duration = Duration::from_secs(60);
/// How far in the past the `webhook-stale` fault signs.
const STALENESS: u64 = 600;
/// How long a receiver may take, by the real clock.
const PATIENCE: Duration = Duration::from_secs(10);
/// Webhooks that wait for their turn, in bytes. Those beyond are given up.
const MOST_WAITING: usize = 32 << 20;
const MOST_HELD: usize = 100;

/// Something that happened to a session, ready to be told.
#[derive(Debug)]
pub(crate) struct Event {
    session_id: String,
    url: String,
    name: &'static str,
    body: Bytes,
    at: Timestamp,
    pub(crate) fault: Option<Fault>,
}

pub(crate) const CREATED: &str = "session_created";
pub(crate) const FINISHED: &str = "session_finished";

impl Event {
    /// None for a session whose caller asked for no webhook.
    pub(crate) fn of(
        session: &Session,
        name: &'static str,
        shape: WebhookShape,
        at: Timestamp,
    ) -> Option<Self> {
        let url = session.request.webhook.clone()?;
        let (nested, flat) = match shape {
            WebhookShape::Nested => (Some(Outcome { errors: [], status: session.status() }), None),
            WebhookShape::Flat => (None, Some(session.status())),
        };
        let body = Body {
            event: name,
            id: &session.id,
            integration_id: "Zignsec.v5.TwoFactorAuth.Phone",
            relay_state: session.request.relay_state.as_deref(),
            result: nested,
            status: flat,
            workflow_session_id: (),
        };
        // Strings in a struct: there is nothing here that JSON cannot hold.
        let body = serde_json::to_vec(&body).unwrap_or_default().into();
        Some(Self { session_id: session.id.clone(), url, name, body, at, fault: None })
    }

    pub(crate) fn is_first(&self) -> bool {
        self.name == CREATED
    }

    fn weight(&self) -> usize {
        512 + self.url.len() + self.body.len()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    event: &'a str,
    id: &'a str,
    integration_id: &'a str,
    relay_state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    workflow_session_id: (),
}

#[derive(Serialize)]
struct Outcome {
    errors: [(); 0],
    status: &'static str,
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WebhookAttempt {
    /// Counts up from 1.
    pub id: u64,
    /// Whose webhook it is.
    pub session_id: String,
    /// Where it went, or would have gone.
    pub url: String,
    /// `session_created` or `session_finished`.
    pub event: String,
    /// 1 for the first attempt at this event.
    pub attempt: u32,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why there was no answer, or why nothing was sent.
    pub error: Option<String>,
    /// When, by the sandbox's clock.
    pub at: Timestamp,
}

/// Every attempt so far.
pub(crate) struct Webhooks {
    attempts: Bounded<(WebhookAttempt, Arc<Event>)>,
    last_id: u64,
    waiting: usize,
    /// Webhooks of before the last reset are given up.
    era: u64,
}

impl Webhooks {
    pub(crate) fn new() -> Self {
        Self { attempts: Bounded::new(500, 16 << 20), last_id: 0, waiting: 0, era: 0 }
    }

    pub(crate) fn newest_first(&self) -> Vec<WebhookAttempt> {
        self.attempts.newest_first().map(|(attempt, _)| attempt.clone()).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.attempts.clear();
        self.era += 1;
    }

    /// Whether one of a session's webhooks has been attempted.
    pub(crate) fn has_tried(&self, session_id: &str) -> bool {
        self.attempts.newest_first().any(|(attempt, _)| attempt.session_id == session_id)
    }

    fn event(&self, id: u64) -> Option<Arc<Event>> {
        self.attempts
            .newest_first()
            .find(|(attempt, _)| attempt.id == id)
            .map(|(_, event)| event.clone())
    }

    fn attempts_at(&self, event: &Arc<Event>) -> u32 {
        let same = self.attempts.newest_first().filter(|(_, other)| Arc::ptr_eq(event, other));
        same.map(|(attempt, _)| attempt.attempt).max().unwrap_or_default()
    }

    pub(crate) fn record(
        &mut self,
        event: &Arc<Event>,
        at: Timestamp,
        outcome: Result<StatusCode, String>,
    ) -> WebhookAttempt {
        self.last_id += 1;
        let (status, error) = match outcome {
            Ok(status) => (Some(status.as_u16()), None),
            Err(error) => (None, Some(error)),
        };
        let attempt = WebhookAttempt {
            id: self.last_id,
            session_id: event.session_id.clone(),
            url: event.url.clone(),
            event: event.name.to_owned(),
            attempt: self.attempts_at(event) + 1,
            status,
            error,
            at,
        };
        self.attempts.push((attempt.clone(), event.clone()), event.weight());
        attempt
    }
}

/// Starts on each event as it happens, until the world ends.
pub(crate) async fn deliver_all(world: Arc<World>, mut events: mpsc::UnboundedReceiver<Event>) {
    let senders = Arc::new(Semaphore::new(32));
    // Events that the out-of-order fault holds back until their session's next one has gone.
    let mut held = HashMap::<String, Event>::new();
    while let Some(event) = events.recv().await {
        if event.fault == Some(Fault::WebhookOutOfOrder) && held.len() < MOST_HELD {
            held.insert(event.session_id.clone(), event);
            continue;
        }
        let after = held.remove(&event.session_id);
        let era = {
            let mut webhooks = world.webhooks.lock();
            webhooks.waiting += event.weight();
            (webhooks.waiting <= MOST_WAITING).then_some(webhooks.era)
        };
        let Some(era) = era else {
            world.webhooks.lock().waiting -= event.weight();
            world.record_webhook(
                &Arc::new(event),
                Err("not sent: too many webhooks are waiting".to_owned()),
            );
            continue;
        };
        let (world, senders) = (world.clone(), senders.clone());
        tokio::spawn(async move {
            let weight = event.weight();
            deliver(&world, &senders, event, era).await;
            world.webhooks.lock().waiting -= weight;
            if let Some(event) = after {
                deliver(&world, &senders, event, era).await;
            }
        });
    }
}

async fn deliver(world: &World, senders: &Semaphore, event: Event, era: u64) {
    let event = Arc::new(event);
    match event.fault {
        Some(Fault::WebhookLost) => {
            world.record_webhook(&event, Err("not sent: lost by a fault".to_owned()));
            return;
        }
        Some(Fault::WebhookLate) => {
            let late = event.at.saturating_add(LATENESS).unwrap_or(Timestamp::MAX);
            world.clock.sleep_until(late).await;
        }
        _ => {}
    }
    let mut pauses = RETRIES_AFTER_SECONDS.into_iter().map(Duration::from_secs);
    let mut again = event.fault == Some(Fault::WebhookTwice);
    loop {
        if world.webhooks.lock().era != era {
            return;
        }
        let Ok(_turn) = senders.acquire().await else { return };
        let attempt = attempt(world, &event).await;
        drop(_turn);
        match attempt.status {
            Some(200..=299) if again => again = false,
            Some(200..=299) => return,
            None if may_send(&world.options, &event.url).is_err() => return,
            _ => {
                let Some(pause) = pauses.next() else { return };
                world
                    .clock
                    .sleep_until(attempt.at.saturating_add(pause).unwrap_or(Timestamp::MAX))
                    .await;
            }
        }
    }
}

/// Sends the webhook of an earlier attempt once more, now.
pub(crate) async fn resend(world: &World, id: u64) -> Result<WebhookAttempt, Problem> {
    let event = world.webhooks.lock().event(id);
    let event = event.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "not_found", format!("no webhook has the id {id}"))
    })?;
    Ok(attempt(world, &event).await)
}

async fn attempt(world: &World, event: &Arc<Event>) -> WebhookAttempt {
    let outcome = match may_send(&world.options, &event.url) {
        Ok(target) => {
            match tokio::time::timeout(PATIENCE, post(&world.options, target, event)).await {
                Ok(answer) => answer.map_err(|error| deepest(&*error)),
                Err(_) => Err("the receiver took longer than 10 seconds".to_owned()),
            }
        }
        Err(reason) => Err(reason),
    };
    world.record_webhook(event, outcome)
}

fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

struct Target {
    url: Url,
    /// None where the name has to be looked up.
    addresses: Option<Vec<SocketAddr>>,
}

/// Webhooks carry what real ones carry, so they stay on this machine unless their host was named.
fn may_send(options: &Options, url: &str) -> Result<Target, String> {
    let url = Url::parse(url).map_err(|error| format!("not sent: {error}"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let at = |addresses: &[IpAddr]| {
        Some(addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect::<Vec<_>>())
    };
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let addresses = match url.host() {
        Some(Host::Ipv4(ip)) if ip.is_loopback() => at(&[ip.into()]),
        Some(Host::Ipv6(ip)) if ip.is_loopback() => at(&[ip.into()]),
        // Never looked up: these names mean this machine, whatever a resolver says.
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            at(&[v4, v6])
        }
        _ => None,
    };
    let host = url.host_str().unwrap_or_default();
    let named = options.webhook_allow.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    if addresses.is_some() || named {
        Ok(Target { url, addresses })
    } else {
        Err(format!("not sent: {host} is not this machine; --webhook-allow {host} allows it"))
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn post(options: &Options, target: Target, event: &Event) -> Result<StatusCode, AnyError> {
    let Target { url, addresses } = target;
    let host = url.host_str().unwrap_or_default();
    let addresses = match addresses {
        Some(addresses) => addresses,
        None => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            tokio::net::lookup_host((bare, url.port_or_known_default().unwrap_or(80)))
                .await?
                .collect()
        }
    };
    let tcp = TcpStream::connect(addresses.as_slice()).await?;
    let request = Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(header::HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("zignsec-sandbox/", env!("CARGO_PKG_VERSION")));
    let request = match signature(&options.webhook_secret, event) {
        Some(signature) => request.header("x-zignsec-hmac-sha256", signature),
        None => request,
    };
    let request = request.body(Full::new(event.body.clone()))?;
    if url.scheme() == "https" {
        let name =
            ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())?;
        exchange(connector()?.connect(name, tcp).await?, request).await
    } else {
        exchange(tcp, request).await
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, AnyError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The set ends the connection with this call, however that ends.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    Ok(sender.send_request(request).await?.status())
}

/// Trusts what the system trusts; `SSL_CERT_FILE` adds a private authority.
fn connector() -> io::Result<TlsConnector> {
    static CONFIG: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    });
    CONFIG
        .as_ref()
        .map(|config| config.clone().into())
        .map_err(|error| io::Error::other(error.as_str()))
}

/// The header's value; none for a webhook that a fault sends unsigned.
fn signature(secret: &str, event: &Event) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match event.fault {
        Some(Fault::WebhookUnsigned) => None,
        Some(Fault::WebhookStale) => Some(sign(secret, now - STALENESS, &event.body)),
        Some(Fault::WebhookBadSignature) => Some(sign("not the secret", now, &event.body)),
        _ => Some(sign(secret, now, &event.body)),
    }
}

/// `t=<seconds>,v1=<hex>`: HMAC-SHA256 over the time, a dot and the body.
fn sign(secret: &str, at: u64, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_an_independent_implementation() {
        // python3 -c 'import hmac; print(hmac.new(b"secret", b"1700000000.{\"a\":1}", "sha256").hexdigest())'
        let expected = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(
            sign("secret", 1_700_000_000, b"{\"a\":1}"),
            format!("t=1700000000,v1={expected}")
        );
    }

    #[test]
    fn webhooks_stay_on_this_machine_unless_their_host_was_named() {
        let options =
            Options { webhook_allow: vec!["Hooks.example".to_owned()], ..Options::default() };
        for url in [
            "http://127.0.0.1:1/",
            "https://127.9.9.9",
            "http://LOCALHOST/x",
            "http://a.localhost:8",
            "http://[::1]:1",
        ] {
            assert!(
                may_send(&options, url).is_ok_and(|target| target.addresses.is_some()),
                "{url}"
            );
        }
        assert!(
            may_send(&options, "https://hooks.example/x")
                .is_ok_and(|target| target.addresses.is_none())
        );
        for url in [
            "https://webhook.site/zignsec",
            "http://0.0.0.0:1",
            "http://10.0.0.1",
            "http://[::]",
            "http://localhost.example",
        ] {
            assert!(
                may_send(&options, url).is_err_and(|reason| reason.starts_with("not sent: ")),
                "{url}"
            );
        }
    }
}
