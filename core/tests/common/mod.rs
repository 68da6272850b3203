//! Helpers for tests against the sandbox. They call its admin routes over HTTP.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod capture;
pub(crate) mod cases;

use serde_json::Value;
use zignsec_sandbox::Sandbox;

/// The URL of an admin route. A sandbox with TLS serves these routes over plain HTTP too.
pub(crate) fn admin_url(sandbox: &Sandbox, path: &str) -> String {
    format!("{}/_sandbox/{path}", sandbox.url().replacen("https:", "http:", 1))
}

/// Arms a fault, as the admin route `faults` expects it.
pub(crate) fn arm(sandbox: &Sandbox, fault: &Value) {
    capture::start();
    ureq::post(admin_url(sandbox, "faults"))
        .header("content-type", "application/json")
        .send(fault.to_string())
        .unwrap_or_else(|error| panic!("{fault}: {error}"));
}

/// The JSON that an admin route returns. The sandbox has finished all earlier work by then.
pub(crate) fn get_admin(sandbox: &Sandbox, path: &str) -> Value {
    let text = ureq::get(admin_url(sandbox, path)).call().unwrap().body_mut().read_to_string();
    serde_json::from_str(&text.unwrap()).unwrap()
}
