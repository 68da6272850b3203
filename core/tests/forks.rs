//! A process in which a binding reported a fork opens new connections.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use zignsec::{Client, ErrorKind, bindings};
use zignsec_sandbox::Sandbox;

#[test]
fn a_child_with_the_process_id_of_its_parent_does_not_use_its_connection() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    let connection_of_call = || {
        assert_eq!(client.get_session("a").unwrap_err().kind(), ErrorKind::NotFound);
        common::get_admin(&sandbox, "requests")[0]["connection"].as_u64().unwrap()
    };
    let of_parent = connection_of_call();
    assert_eq!(connection_of_call(), of_parent);
    let process = bindings::process_key();
    bindings::after_fork_in_child();
    assert_ne!(bindings::process_key(), process);
    let of_child = connection_of_call();
    assert_ne!(of_child, of_parent);
    assert_eq!(connection_of_call(), of_child);
}
