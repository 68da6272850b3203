//! Runs a program against a sandbox of its own and plays the user: `demo [--browser] PROGRAM [ARG]...`
//!
//! The program finds the sandbox in `ZIGNSEC_BASE_URL` and `ZIGNSEC_API_KEY`. When it has asked once
//! how its session stands, the scripted user opens the session's page, has the code sent and types
//! it. With `--browser` that part is left to a person. Ends as the program ends.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;

use zignsec_sandbox::{Action, Sandbox};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let browser = arguments.first().is_some_and(|first| first == "--browser");
    if browser {
        arguments.remove(0);
    }
    let [program, arguments @ ..] = arguments.as_slice() else {
        return Err("usage: demo [--browser] PROGRAM [ARG]...".into());
    };

    let sandbox = Sandbox::start()?;
    println!("A sandbox plays ZignSec's gateway at {}", sandbox.url());
    if browser {
        println!("You play the user: open the link below. The SMS arrives at {}/", sandbox.url());
    }
    println!();
    let mut child = Command::new(program)
        .args(arguments)
        .env("ZIGNSEC_BASE_URL", sandbox.url())
        .env("ZIGNSEC_API_KEY", sandbox.api_key())
        .env_remove("ZIGNSEC_SECONDARY_API_KEY")
        .spawn()?;
    if !browser && let Err(error) = play(&sandbox) {
        child.kill()?;
        child.wait()?;
        return Err(error);
    }
    let status = child.wait()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Does what the user does, once the program has seen that they have not done it yet.
fn play(sandbox: &Sandbox) -> Result<(), Box<dyn Error>> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let asked = sandbox
        .wait_for_request(|request| request.method == "GET" && request.status.is_some(), PATIENCE)
        .ok_or("the program never asked for its session")?;
    let id = asked.path.rsplit('/').next().ok_or("the program asked for no session")?;
    let session = sandbox.session(id)?;
    let outcome = sandbox.user(id, Action::Accept)?;
    let sent = sandbox.sms(&session.phone_number, Duration::ZERO);
    let code = &sent.first().ok_or("no SMS was sent")?.code;
    println!("  (asked now, the gateway says {})", session.status);
    println!("  (the user opens the page, gets the code {code} by SMS and types it)");
    if let Some(location) = outcome.location {
        println!("  (the page sends the user to {location})");
    }
    Ok(())
}
