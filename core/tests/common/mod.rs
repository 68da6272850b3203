//! The sandbox's admin routes, as a program in any language calls them.

#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod capture;
pub(crate) mod cases;

use serde_json::Value;
use zignsec_sandbox::Sandbox;

/// The address of an admin route; under TLS they answer plain HTTP too.
pub(crate) fn admin(sandbox: &Sandbox, path: &str) -> String {
    format!("{}/_sandbox/{path}", sandbox.url().replacen("https:", "http:", 1))
}

pub(crate) fn arm(sandbox: &Sandbox, fault: &Value) {
    capture::start();
    ureq::post(admin(sandbox, "faults"))
        .header("content-type", "application/json")
        .send(fault.to_string())
        .unwrap_or_else(|error| panic!("{fault}: {error}"));
}

/// What an admin route tells. All that the sandbox had to do before is done by then.
pub(crate) fn listed(sandbox: &Sandbox, path: &str) -> Value {
    let text = ureq::get(admin(sandbox, path)).call().unwrap().body_mut().read_to_string();
    serde_json::from_str(&text.unwrap()).unwrap()
}
