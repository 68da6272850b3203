//! The command line, and the life of the program from its first line of output to its last signal.

use std::io::{self, Write};

use clap::Parser;
use serde_json::json;

use crate::options::Options;
use crate::sandbox::Sandbox;

/// A local stand-in for ZignSec's phone two-factor gateway, for development and tests. It is not the gateway: it sends no SMS,
/// verifies nobody and keeps nothing. See `/_sandbox/health` for when it is ready.
#[derive(Parser)]
#[command(name = "zignsec-sandbox", version, after_help = AFTER)]
pub struct Command {
    #[command(flatten)]
    options: Options,

    /// Print one line of JSON when ready, and nothing else on standard output; stop when standard input, if it is a pipe, ends
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
SIGINT and SIGTERM stop the sandbox in good order. So does, with --json only, the end of standard input where that is a pipe or a \
socket: a program that starts the sandbox keeps the other end open, and the sandbox never outlives it. Where standard input is a \
terminal, a file, /dev/null or closed, it is not looked at.";

impl Command {
    /// Runs the sandbox until it is told to stop.
    ///
    /// # Errors
    ///
    /// Where it cannot start, or cannot say that it has.
    pub fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Listened for before the ready line, so that a signal sent right after it finds somebody.
        let stop = runtime.block_on(async { stop_requests() })?;
        let json = self.json;
        let sandbox = Sandbox::with(self.options)?;
        announce(&sandbox, json)?;
        runtime.block_on(async {
            tokio::select! {
                () = stop => {}
                () = parent_gone(), if json => {}
            }
        });
        sandbox.stop();
        // A read of standard input may still be waiting on a thread of this runtime.
        runtime.shutdown_background();
        Ok(())
    }
}

fn announce(sandbox: &Sandbox, json: bool) -> io::Result<()> {
    let (url, api_key) = (sandbox.url(), sandbox.api_key());
    let mut out = io::stdout();
    if json {
        let (ca_file, webhook_secret) = (sandbox.ca_file(), sandbox.webhook_secret());
        writeln!(
            out,
            "{}",
            json!({"url": url, "api_key": api_key, "ca_file": ca_file, "webhook_secret": webhook_secret})
        )?;
    } else {
        writeln!(
            out,
            "ZignSec SANDBOX {}: not the gateway. No SMS is sent, nobody is verified.\n",
            env!("CARGO_PKG_VERSION")
        )?;
        writeln!(out, "  URL              {url}\n  API key          {api_key}")?;
        if let Some(ca_file) = sandbox.ca_file() {
            writeln!(out, "  CA certificate   {}", ca_file.display())?;
        }
        writeln!(
            out,
            "  Webhook secret   {}\n  Seed             {}\n",
            sandbox.webhook_secret(),
            sandbox.seed()
        )?;
        writeln!(out, "Stop it with Ctrl-C.")?;
    }
    out.flush()
}

#[cfg(unix)]
fn stop_requests() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_requests() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Returns when the other end of standard input is closed; never where that is no pipe.
async fn parent_gone() {
    if !stdin_is_a_pipe() {
        return std::future::pending().await;
    }
    let ended = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin().lock(), &mut io::sink()));
    let _ = ended.await;
}

#[cfg(unix)]
fn stdin_is_a_pipe() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    // A descriptor that was closed when the program started is /dev/null by now: Rust's start-up code sees to that.
    let kind = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|stdin| std::fs::File::from(stdin).metadata());
    kind.is_ok_and(|kind| kind.file_type().is_fifo() || kind.file_type().is_socket())
}

#[cfg(not(unix))]
fn stdin_is_a_pipe() -> bool {
    false
}
