//! Chaos: the same seed injects the same faults into the same requests.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use common::*;
use zignsec_sandbox::Sandbox;

/// A summary of the responses to a series of requests.
fn responses_under_chaos(percent: u8, seed: u64) -> Vec<String> {
    let sandbox = Sandbox::builder().chaos(percent).seed(seed).start().unwrap();
    (0..40)
        .map(|_| {
            let (received, ended) = exchange(
                &sandbox,
                &raw_lookup(&sandbox, "x").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"),
            );
            let text = String::from_utf8_lossy(&received);
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("-");
            let retry_after = head.lines().any(|line| line.starts_with("retry-after"));
            format!(
                "{} {length} {} {retry_after} {:?}",
                head.lines().next().unwrap_or_default(),
                body.len(),
                ended.is_err()
            )
        })
        .collect()
}

#[test]
fn same_seed_injects_the_same_faults() {
    let first = responses_under_chaos(60, 11);
    assert_eq!(first, responses_under_chaos(60, 11));
    assert_ne!(first, responses_under_chaos(60, 12));
    let normal = first.iter().filter(|response| response.starts_with("HTTP/1.1 404")).count();
    assert!((5..40).contains(&normal), "{first:#?}");
}

#[test]
fn chaos_does_not_affect_admin_routes_or_the_dashboard() {
    let sandbox = Sandbox::builder().chaos(100).start().unwrap();
    for _ in 0..20 {
        assert_eq!(get(&sandbox, "/_sandbox/health").status, 200);
        assert_eq!(get(&sandbox, "/").status, 200);
    }
}

#[test]
fn page_and_sms_faults_are_injected() {
    let sandbox = Sandbox::start().unwrap();
    let page = format!("/2fa-ui/2fa/phone/{}", start(&sandbox, PHONE));
    sandbox.fault("page-unavailable", 1).unwrap();
    assert_eq!(get(&sandbox, &page).status, 503);
    sandbox.fault("page-late", 1).unwrap();
    let before = std::time::Instant::now();
    assert_eq!(get(&sandbox, &page).status, 200);
    assert!(before.elapsed().as_secs() >= 1);
    for (fault, sms) in [("sms-lost", 0), ("sms-late", 1)] {
        sandbox.fault(fault, 1).unwrap();
        post(&sandbox, &format!("{page}/send"), "");
        assert!(sandbox.sms(PHONE, std::time::Duration::ZERO).is_empty(), "{fault}");
        sandbox.advance(std::time::Duration::from_secs(10));
        assert_eq!(
            sandbox
                .sms(PHONE, std::time::Duration::from_millis(if sms == 0 { 50 } else { 20_000 }))
                .len(),
            sms,
            "{fault}"
        );
    }
}
