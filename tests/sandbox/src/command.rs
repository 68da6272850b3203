//! The command line program: start, ready line and shutdown.

use std::io::{self, Write};

use clap::Parser;
use serde_json::json;

use crate::options::Arguments;
use crate::sandbox::Sandbox;

/// Simulates ZignSec's phone two-factor gateway locally, for development and tests. It is not the
/// real gateway: it sends no SMS, does not verify anyone and stores nothing on disk.
/// `/_sandbox/health` returns 200 as soon as it is ready.
#[derive(Parser)]
#[command(name = "zignsec-sandbox", version, after_help = AFTER_HELP)]
pub struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

const AFTER_HELP: &str = "\
SIGINT and SIGTERM shut the sandbox down; on Windows, Ctrl-C, Ctrl-Break and a closed console do. \
With --json, so does end-of-file on standard input if that is a pipe or a socket: the program that \
starts the sandbox keeps the other end open, and the sandbox exits with it. A terminal, a file, the \
null device or a closed descriptor is ignored.";

impl Command {
    /// Runs the sandbox until it receives a signal to stop.
    ///
    /// # Errors
    ///
    /// If the sandbox cannot start, or standard output cannot be written.
    pub fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Before the ready line, so that a signal sent right after it is handled.
        let stop = runtime.block_on(async { stop_signal() })?;
        let Arguments { options, json } = self.arguments;
        let sandbox = Sandbox::with(options)?;
        print_ready(&sandbox, json)?;
        runtime.block_on(async {
            tokio::select! {
                () = stop => {}
                () = stdin_closed(), if json => {}
            }
        });
        sandbox.stop();
        // A blocking read of standard input may still be running on a thread of this runtime.
        runtime.shutdown_background();
        Ok(())
    }
}

fn print_ready(sandbox: &Sandbox, json: bool) -> io::Result<()> {
    let (url, api_key) = (sandbox.url(), sandbox.api_key());
    let mut out = io::stdout();
    if json {
        let line = json!({
            "url": url,
            "api_key": api_key,
            "ca_file": sandbox.ca_file(),
            "webhook_secret": sandbox.webhook_secret(),
        });
        writeln!(out, "{line}")?;
    } else {
        let version = env!("CARGO_PKG_VERSION");
        writeln!(
            out,
            "ZignSec SANDBOX {version}: not the real gateway. No SMS is sent, nobody is verified.\n"
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
        writeln!(out, "Press Ctrl-C to stop.")?;
    }
    out.flush()
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
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

/// Ctrl-C, Ctrl-Break, and the window of the console closed.
#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
    let (mut interrupt, mut stop, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = stop.recv() => {}
            _ = close.recv() => {}
        }
    })
}

/// Returns when the other end of standard input is closed. Never returns if it is not a pipe.
async fn stdin_closed() {
    if !stdin_is_pipe() {
        return std::future::pending().await;
    }
    let closed = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin().lock(), &mut io::sink()));
    let _ = closed.await;
}

#[cfg(unix)]
fn stdin_is_pipe() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    // A descriptor that was closed at start is /dev/null here: Rust's runtime opens it.
    let metadata = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|stdin| std::fs::File::from(stdin).metadata());
    metadata.is_ok_and(|file| file.file_type().is_fifo() || file.file_type().is_socket())
}

/// Windows reports a socket as a pipe too.
#[cfg(windows)]
fn stdin_is_pipe() -> bool {
    winapi_util::file::typ(io::stdin()).is_ok_and(|file| file.is_pipe())
}
