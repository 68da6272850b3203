//! Every dial, its default and what it does. The command line, the Rust builder and `/_sandbox/help` are all made from this.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use clap::{Args, ValueEnum};

/// What the gateway's page leaves open, and how the sandbox is run.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Port to listen on; 0 lets the system choose
    #[arg(long, default_value_t = 8466)]
    pub(crate) port: u16,

    /// Address to listen on. Anything but loopback lets others in: the sandbox is no place for real data
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    pub(crate) host: IpAddr,

    /// One more name that a request's Host header may carry (loopback names always may); repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,

    /// Speak HTTPS, with a certificate authority made at start
    #[arg(long)]
    pub(crate) tls: bool,

    /// The key that callers must send, raw, in Authorization or Zs-Product-Key; the ready line tells it
    #[arg(long, default_value = "sandbox-key", value_name = "KEY", hide_default_value = true)]
    pub(crate) api_key: String,

    /// The secret that webhooks are signed with; the ready line tells it
    #[arg(
        long,
        default_value = "sandbox-webhook-secret",
        value_name = "SECRET",
        hide_default_value = true
    )]
    pub(crate) webhook_secret: String,

    /// The word for a session that went well: the page uses both
    #[arg(long, value_enum, default_value_t)]
    pub(crate) success_status: SuccessStatus,

    /// Wrong codes until the session has failed; 0 for no limit
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) max_attempts: u32,

    /// Where a user who cancels ends: on a screen that says so, or at redirect_failure
    #[arg(long, value_enum, default_value_t)]
    pub(crate) cancel: CancelEnds,

    /// The JSON of an error answer
    #[arg(long, value_enum, default_value_t)]
    pub(crate) error_shape: ErrorShape,

    /// The JSON of a webhook
    #[arg(long, value_enum, default_value_t)]
    pub(crate) webhook_shape: WebhookShape,

    /// One more host that webhooks may be sent to (loopback always is); repeatable
    #[arg(long, value_name = "HOST")]
    pub(crate) webhook_allow: Vec<String>,

    /// Let a fault strike, by chance, in this percentage of calls, page views and webhooks
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) chaos: u8,

    /// Seed of ids, codes and chaos: the same seed gives the same ones. A fresh one is made and printed where none is given
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// The status of a session whose user entered the right code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum SuccessStatus {
    /// As in the page's example
    #[default]
    Accepted,
    /// As in the page's table of status values
    Finished,
}

impl SuccessStatus {
    /// The word itself.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Finished => "finished",
        }
    }
}

/// What a user sees after cancelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum CancelEnds {
    /// A screen that says so, with a link back
    #[default]
    Screen,
    /// A redirect to `redirect_failure`
    Redirect,
}

/// The shapes in which ZignSec's services are known to report an error.
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
    /// A line of plain text
    Text,
    /// A web page, as from a proxy
    Html,
    /// Nothing at all
    Empty,
}

/// The two bodies that ZignSec's products are known to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum WebhookShape {
    /// The documented one: `{"event","id",..,"result":{"errors","status"}}`
    #[default]
    Nested,
    /// As the SMS product sends it: `{"event","id",..,"status"}`
    Flat,
}

impl Options {
    /// Refuses what no caller could send. Said without the value: it may be a real key.
    pub(crate) fn check(&self) -> io::Result<()> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.api_key.is_empty() || !self.api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong(
                "the API key must be one or more visible ASCII characters, without spaces",
            );
        }
        if self.webhook_secret.is_empty() {
            return wrong("the webhook secret may not be empty");
        }
        Ok(())
    }
}

impl Default for Options {
    /// The defaults that the command line documents, so that they stand in one place.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        <Line as clap::Parser>::parse_from(["zignsec-sandbox"]).options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let options = Options::default();
        assert_eq!(options.port, 8466);
        assert_eq!(options.host.to_string(), "127.0.0.1");
        assert_eq!(options.api_key, "sandbox-key");
        assert_eq!(options.max_attempts, 3);
        assert_eq!(options.success_status, SuccessStatus::Accepted);
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_and_not_repeated() {
        for key in ["two words", "", "nyckel-å"] {
            let options = Options { api_key: key.to_owned(), ..Options::default() };
            let error = options.check().unwrap_err().to_string();
            assert!(
                error.starts_with("the API key must") && (key.is_empty() || !error.contains(key)),
                "{error}"
            );
        }
        assert!(Options { webhook_secret: String::new(), ..Options::default() }.check().is_err());
        assert!(Options::default().check().is_ok());
    }
}
