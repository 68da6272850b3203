//! Chaos: the same seed, the same faults, call for call.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use common::*;
use zignsec_sandbox::Sandbox;

/// What each of a row of calls meets, in a word each.
fn meet(percent: u8, seed: u64) -> Vec<String> {
    let sandbox = Sandbox::builder().chaos(percent).seed(seed).start().unwrap();
    (0..40)
        .map(|_| {
            let (received, ended) = exchange(
                &sandbox,
                &raw_lookup(&sandbox, "x").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"),
            );
            let text = String::from_utf8_lossy(&received);
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
            let said =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("-");
            let retry_after = head.lines().any(|line| line.starts_with("retry-after"));
            format!(
                "{} {said} {} {retry_after} {:?}",
                head.lines().next().unwrap_or_default(),
                body.len(),
                ended.is_err()
            )
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_chaos_call_for_call() {
    let first = meet(60, 11);
    assert_eq!(first, meet(60, 11));
    assert_ne!(first, meet(60, 12));
    let usual = first.iter().filter(|met| met.starts_with("HTTP/1.1 404")).count();
    assert!((5..40).contains(&usual), "{first:#?}");
}

#[test]
fn chaos_leaves_admin_routes_and_the_dashboard_alone() {
    let sandbox = Sandbox::builder().chaos(100).start().unwrap();
    for _ in 0..20 {
        assert_eq!(get(&sandbox, "/_sandbox/health").status, 200);
        assert_eq!(get(&sandbox, "/").status, 200);
    }
}

#[test]
fn pages_meet_chaos_and_faults_of_their_own() {
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
