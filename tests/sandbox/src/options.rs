//! The options: names, defaults and help texts. The command line, the Rust builder and
//! `/_sandbox/help` all use these definitions.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use clap::{Args, ValueEnum};

use crate::host::Host;

/// The arguments of the program.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,

    /// Print one line of JSON when ready and nothing else on standard output; stop at end-of-file
    /// on standard input if it is a pipe
    #[arg(long)]
    pub(crate) json: bool,
}

/// The options of a sandbox.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Port to listen on; 0 selects a free port
    #[arg(long, default_value_t = 8466)]
    pub(crate) port: u16,

    /// Address to listen on. Addresses other than loopback make the sandbox reachable for other
    /// machines: do not use real data then
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    pub(crate) host: IpAddr,

    /// Additional name to accept in the Host header (loopback names are always accepted);
    /// repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,

    /// Use HTTPS, with a certificate authority created at start
    #[arg(long)]
    pub(crate) tls: bool,

    /// API key that clients must send, raw, in Authorization or Zs-Product-Key; printed in the
    /// ready line
    #[arg(long, default_value = "sandbox-key", value_name = "KEY", hide_default_value = true)]
    pub(crate) api_key: String,

    /// Secret that webhooks are signed with; printed in the ready line
    #[arg(
        long,
        default_value = "sandbox-webhook-secret",
        value_name = "SECRET",
        hide_default_value = true
    )]
    pub(crate) webhook_secret: String,

    /// Status of a verified session; the gateway's documentation uses both
    #[arg(long, value_enum, default_value_t)]
    pub(crate) success_status: SuccessStatus,

    /// Number of wrong codes after which a session fails; 0 for no limit
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) max_attempts: u32,

    /// What a user who cancels sees: a page that confirms it, or redirect_failure
    #[arg(long, value_enum, default_value_t)]
    pub(crate) cancel: CancelDestination,

    /// Format of error responses
    #[arg(long, value_enum, default_value_t)]
    pub(crate) error_shape: ErrorShape,

    /// Format of webhook bodies
    #[arg(long, value_enum, default_value_t)]
    pub(crate) webhook_shape: WebhookShape,

    /// Additional host that webhooks may be sent to (loopback is always allowed); repeatable
    #[arg(long, value_name = "HOST")]
    pub(crate) webhook_allow: Vec<String>,

    /// Inject random faults into this percentage of requests, page views and webhooks
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PERCENT",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    pub(crate) chaos: u8,

    /// Seed of IDs, codes and chaos: the same seed gives the same values. Default: a random seed,
    /// which is printed
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// The status of a session whose user entered the correct code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum SuccessStatus {
    /// As in the example of the gateway's documentation
    #[default]
    Accepted,
    /// As in its table of status values
    Finished,
}

impl SuccessStatus {
    /// The status in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Finished => "finished",
        }
    }
}

/// What a user sees after cancelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum CancelDestination {
    /// A page that confirms it, with a link back
    #[default]
    Screen,
    /// A redirect to `redirect_failure`
    Redirect,
}

/// The formats in which ZignSec's services are known to report errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum ErrorShape {
    /// `{"errors":[{"code","description"}]}`
    #[default]
    List,
    /// `{"errors":{"detail"}}`
    Object,
    /// `{"error":{"type","message"}}`
    Type,
    /// One line of plain text
    Text,
    /// A web page, as from a proxy
    Html,
    /// No body
    Empty,
}

/// The two webhook formats that ZignSec's products are known to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum WebhookShape {
    /// The documented format: `{"event","id",..,"result":{"errors","status"}}`
    #[default]
    Nested,
    /// As the SMS product sends it: `{"event","id",..,"status"}`
    Flat,
}

impl Options {
    /// Rejects values that no client could send. The error does not contain the value, which may
    /// be a real key.
    pub(crate) fn validate(&self) -> io::Result<()> {
        let invalid = |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        if self.api_key.is_empty() || !self.api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return invalid(
                "the API key must not be empty and must consist of visible ASCII characters",
            );
        }
        if self.webhook_secret.is_empty() {
            return invalid("the webhook secret must not be empty");
        }
        let hosts = self.allow_host.iter().chain(&self.webhook_allow);
        if let Some(host) = hosts.into_iter().find(|host| Host::parse_option(host).is_none()) {
            let reason = format!("{host:?} is not a host name or address without a port");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        Ok(())
    }
}

impl Default for Options {
    /// The defaults of the command line, so that they are defined only once.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct CommandLine {
            #[command(flatten)]
            options: Options,
        }
        <CommandLine as clap::Parser>::parse_from(["zignsec-sandbox"]).options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_match_the_design() {
        let options = Options::default();
        assert_eq!(options.port, 8466);
        assert_eq!(options.host.to_string(), "127.0.0.1");
        assert_eq!(options.api_key, "sandbox-key");
        assert_eq!(options.max_attempts, 3);
        assert_eq!(options.success_status, SuccessStatus::Accepted);
    }

    #[test]
    fn invalid_api_key_is_rejected_without_being_printed() {
        for key in ["two words", "", "nyckel-å"] {
            let options = Options { api_key: key.to_owned(), ..Options::default() };
            let error = options.validate().unwrap_err().to_string();
            assert!(
                error.starts_with("the API key must") && (key.is_empty() || !error.contains(key)),
                "{error}"
            );
        }
        assert!(
            Options { webhook_secret: String::new(), ..Options::default() }.validate().is_err()
        );
        assert!(Options::default().validate().is_ok());
    }

    #[test]
    fn hosts_that_no_request_can_have_are_rejected() {
        let with = |host: &str| Options { allow_host: vec![host.to_owned()], ..Options::default() };
        for host in ["gateway.test", "10.0.0.1", "fd00::1", "[fd00::1]", "A_b"] {
            assert!(with(host).validate().is_ok(), "{host}");
        }
        for host in ["", "*", "gateway.test:8466", "http://gateway.test", "127.1"] {
            assert!(with(host).validate().is_err(), "{host}");
        }
    }
}
