//! The program `zignsec-sandbox`.

use clap::Parser;
use zignsec_sandbox::command::Command;

fn main() -> std::process::ExitCode {
    match Command::parse().run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zignsec-sandbox: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
