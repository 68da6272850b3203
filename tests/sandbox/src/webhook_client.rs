//! The HTTP client that posts webhooks, and their signature.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::faults::Fault;
use crate::host::Host;
use crate::options::Options;
use crate::webhooks::Event;

/// How long connecting, sending and the response may take together, in real time.
const RECEIVER_TIMEOUT: Duration = Duration::from_secs(10);
/// The age of the signature that the fault `webhook-stale` sends, in seconds.
const STALE_AGE: u64 = 600;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Posts a webhook once and returns the status of the response, or the reason why there is none.
pub(crate) async fn send(options: &Options, event: &Event) -> Result<StatusCode, String> {
    let target = check_url(options, &event.url)?;
    match tokio::time::timeout(RECEIVER_TIMEOUT, post(options, target, event)).await {
        Ok(response) => response.map_err(|error| root_cause(&*error)),
        Err(_) => Err("the receiver did not respond within 10 seconds".to_owned()),
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

pub(crate) struct Target {
    url: Url,
    host: Host,
    /// `None` if the host name must be resolved.
    addresses: Option<Vec<SocketAddr>>,
}

/// Allows loopback URLs and the hosts of `--webhook-allow`. Webhooks look like real ones, so they
/// must not reach other machines by accident.
pub(crate) fn check_url(options: &Options, url: &str) -> Result<Target, String> {
    let url = Url::parse(url).map_err(|error| format!("not sent: {error}"))?;
    let name = url.host_str().unwrap_or_default();
    let host = Host::parse(name).ok_or_else(|| format!("not sent: {name} is not a valid host"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = host
        .loopback_addresses()
        .map(|addresses| addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
    let is_allowed = |allowed: &String| Host::parse_option(allowed).as_ref() == Some(&host);
    if addresses.is_some() || options.webhook_allow.iter().any(is_allowed) {
        Ok(Target { url, host, addresses })
    } else {
        Err(format!("not sent: {host} is not a loopback host; --webhook-allow {host} allows it"))
    }
}

async fn post(options: &Options, target: Target, event: &Event) -> Result<StatusCode, AnyError> {
    let Target { url, host, addresses } = target;
    let host = host.to_string();
    let addresses = match addresses {
        Some(addresses) => addresses,
        None => {
            let port = url.port_or_known_default().unwrap_or(80);
            tokio::net::lookup_host((host.as_str(), port)).await?.collect()
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
        let name = ServerName::try_from(host)?;
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
    // Dropping the set closes the connection, also if this future is cancelled.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    Ok(sender.send_request(request).await?.status())
}

/// Uses the trust roots of the system; `SSL_CERT_FILE` adds a private CA.
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

/// The value of the signature header; `None` for the fault `webhook-unsigned`.
fn signature(secret: &str, event: &Event) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match event.fault {
        Some(Fault::WebhookUnsigned) => None,
        Some(Fault::WebhookStale) => Some(sign(secret, now - STALE_AGE, &event.body)),
        Some(Fault::WebhookBadSignature) => Some(sign("not the secret", now, &event.body)),
        _ => Some(sign(secret, now, &event.body)),
    }
}

/// `t=<seconds>,v1=<hex>`: HMAC-SHA256 over the time, a dot and the body.
fn sign(secret: &str, at: u64, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC accepts keys of any length");
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_matches_python_hmac() {
        // hmac.new(b"secret", b'1700000000.{"a":1}', "sha256").hexdigest()
        let expected = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(
            sign("secret", 1_700_000_000, b"{\"a\":1}"),
            format!("t=1700000000,v1={expected}")
        );
    }

    #[test]
    fn only_loopback_and_allowed_hosts_get_webhooks() {
        let options =
            Options { webhook_allow: vec!["Hooks.example".to_owned()], ..Options::default() };
        for url in [
            "http://127.0.0.1:1/",
            "https://127.9.9.9",
            "http://LOCALHOST/x",
            "http://a.localhost:8",
            // Other forms of 127.0.0.1, which a URL parser normalises.
            "http://2130706433",
            "http://0x7f.1",
            "http://127%2e0.0.1",
            "http://\u{ff11}27.0.0.1",
            "http://[::1]:1",
        ] {
            assert!(
                check_url(&options, url).is_ok_and(|target| target.addresses.is_some()),
                "{url}"
            );
        }
        assert!(
            check_url(&options, "https://hooks.example/x")
                .is_ok_and(|target| target.addresses.is_none())
        );
        for url in [
            "https://webhook.site/zignsec",
            "http://0.0.0.0:1",
            "http://10.0.0.1",
            "http://[::]",
            "http://localhost.example",
            "http://.localhost",
            "http://localhost.",
            "http://[::ffff:127.0.0.1]",
            "http://user@10.0.0.1",
            "http://localhost@10.0.0.1",
            "http://0x0a.1",
        ] {
            assert!(
                check_url(&options, url).is_err_and(|reason| reason.starts_with("not sent: ")),
                "{url}"
            );
        }
    }
}
