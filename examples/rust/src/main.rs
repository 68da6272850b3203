//! Verifies one user by phone: `cargo run -p zignsec-example -- +46701740605`
//!
//! The API key is read from `ZIGNSEC_API_KEY`, the gateway from `ZIGNSEC_BASE_URL` or
//! `ZIGNSEC_ENVIRONMENT`.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use zignsec::{Client, Error, Phone2faRequest, Session, WaitOptions};

fn show_progress(session: &Session, elapsed: Duration) -> ControlFlow<()> {
    println!("  {} after {} ms", session.status_text(), elapsed.as_millis());
    ControlFlow::Continue(())
}

/// Returns whether the user was verified.
fn verify(phone_number: &str) -> Result<bool, Error> {
    let client = Client::from_env()?;
    let request = Phone2faRequest::new(phone_number)
        .redirect_success("https://my_success_url.com")
        .redirect_failure("https://my_failure_url.com")
        .relay_state("Tulasi_V5_SMS");

    let session = client.start_phone_2fa(&request)?;
    println!("1. Session {} is {}.", session.id(), session.status_text());
    println!("2. Send the user here:\n  {}", session.redirect_url().unwrap_or("-"));

    let options =
        WaitOptions::default().poll_interval(Duration::from_secs(1)).on_poll(show_progress);
    let session = client.wait_for_session(session.id(), &options)?;
    let verified = session.is_verified_for(phone_number);
    let outcome = if verified { "is" } else { "is not" };
    println!("3. The session ended {}: the user {outcome} verified.", session.status_text());
    Ok(verified)
}

fn main() -> ExitCode {
    let Some(phone_number) = std::env::args().nth(1) else {
        eprintln!("usage: zignsec-example PHONE_NUMBER");
        return ExitCode::from(2);
    };
    match verify(&phone_number) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{:?}: {error}", error.kind());
            ExitCode::FAILURE
        }
    }
}
