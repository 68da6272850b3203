//! Runs a program against a sandbox and plays the user:
//! `demo [--browser] [--webhook PROGRAM] PROGRAM [ARG]...`
//!
//! The program reads the sandbox's address and key from `ZIGNSEC_BASE_URL` and `ZIGNSEC_API_KEY`.
//! After its first lookup of the session, the scripted user opens the session's page, requests the
//! code and types it. With `--browser`, a person does that. With `--webhook`, `WEBHOOK_URL` is an
//! address on loopback, and each webhook that arrives there is passed to a CGI program, whose
//! messages are printed at the end. The exit status is that of the program, or an error if a
//! webhook was refused.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use zignsec_sandbox::{Action, Sandbox};

const USAGE: &str = "usage: demo [--browser] [--webhook PROGRAM] PROGRAM [ARG]...";
const FIRST_LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);
const LAST_WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BODY: usize = 64 * 1024;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut browser = false;
    let mut cgi_program = None;
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(option) = arguments.next_if(|argument| argument.starts_with("--")) {
        match option.as_str() {
            "--browser" => browser = true,
            "--webhook" => cgi_program = Some(arguments.next().ok_or(USAGE)?),
            _ => return Err(USAGE.into()),
        }
    }
    let program = arguments.next().ok_or(USAGE)?;

    let sandbox = Sandbox::start()?;
    println!("The sandbox simulates ZignSec's gateway at {}", sandbox.url());
    if browser {
        println!("You are the user: open the link below. The SMS appears at {}/", sandbox.url());
    }
    println!();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("ZIGNSEC_BASE_URL", sandbox.url())
        .env("ZIGNSEC_API_KEY", sandbox.api_key())
        .env_remove("ZIGNSEC_SECONDARY_API_KEY");
    let receiver = match cgi_program {
        Some(program) => Some(Receiver::start(program, sandbox.webhook_secret().to_owned())?),
        None => None,
    };
    if let Some(receiver) = &receiver {
        command.env("WEBHOOK_URL", &receiver.url);
    }
    let mut child = command.spawn()?;
    if !browser && let Err(error) = play_user(&sandbox) {
        child.kill()?;
        child.wait()?;
        return Err(error);
    }
    let status = child.wait()?;
    if let Some(receiver) = receiver {
        receiver.report(&sandbox)?;
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Acts as the user, after the program has seen that the user has not acted yet.
fn play_user(sandbox: &Sandbox) -> Result<(), Box<dyn Error>> {
    let lookup = sandbox
        .wait_for_request(
            |request| request.method == "GET" && request.status.is_some(),
            FIRST_LOOKUP_TIMEOUT,
        )
        .ok_or("the program did not look up its session")?;
    let id = lookup.path.rsplit('/').next().ok_or("the program looked up no session")?;
    let session = sandbox.session(id)?;
    let outcome = sandbox.user(id, Action::Accept)?;
    let messages = sandbox.sms(&session.phone_number, Duration::ZERO);
    let code = &messages.first().ok_or("no SMS was sent")?.code;
    println!("  (the session is {})", session.status);
    println!("  (the user opens the page, receives the code {code} by SMS and types it)");
    if let Some(location) = outcome.location {
        println!("  (the page redirects the user to {location})");
    }
    Ok(())
}

/// A web server on loopback that passes each POST to a CGI program.
struct Receiver {
    url: String,
    messages: mpsc::Receiver<String>,
}

impl Receiver {
    fn start(program: String, secret: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/webhook", listener.local_addr()?);
        let (sender, messages) = mpsc::channel();
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let handled = stream.and_then(|stream| handle(stream, &program, &secret));
                let message = handled.unwrap_or_else(|error| format!("{program}: {error}"));
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Ok(Self { url, messages })
    }

    /// Waits until the last webhook of the newest session was delivered, and prints what the CGI
    /// program wrote about each.
    fn report(self, sandbox: &Sandbox) -> Result<(), Box<dyn Error>> {
        if sandbox.sessions().is_empty() {
            return Ok(());
        }
        let last = sandbox
            .wait_for_webhook(|attempt| attempt.event == "session_finished", LAST_WEBHOOK_TIMEOUT)
            .ok_or("no webhook about the end of the session was sent")?;
        println!("5. Webhooks, received at {}:", self.url);
        for message in self.messages.try_iter() {
            println!("  {}", message.trim_end());
        }
        match last.status {
            Some(204) => Ok(()),
            _ => Err("the last webhook was refused".into()),
        }
    }
}

/// Answers one request as the CGI program says, and returns what the program wrote to standard
/// error.
fn handle(mut stream: TcpStream, program: &str, secret: &str) -> io::Result<String> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut command = Command::new(program);
    let mut length = 0;
    for line in (&mut reader).lines().skip(1) {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(io::Error::other)?;
            command.env("CONTENT_LENGTH", value);
        }
        command.env(format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_")), value);
    }
    if length > MAX_BODY {
        return Err(io::Error::other("the body of the webhook is too large"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;

    let mut child = command
        .env("ZIGNSEC_WEBHOOK_SECRET", secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or_else(|| io::Error::other("no standard input"))?.write_all(&body)?;
    let output = child.wait_with_output()?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let status = answer.strip_prefix("Status: ").and_then(|rest| rest.lines().next());
    let status = status.unwrap_or("500 Internal Server Error");
    let close = if status.starts_with("204") { "" } else { "Content-Length: 0\r\n" };
    write!(stream, "HTTP/1.1 {status}\r\n{close}Connection: close\r\n\r\n")?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}
