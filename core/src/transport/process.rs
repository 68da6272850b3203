//! Distinguishes a process from its parent.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many of the forks that led to this process were reported.
static REPORTED_FORKS: AtomicU32 = AtomicU32::new(0);

/// To be called in the child of a fork before it uses the library: in another PID namespace, it can
/// have the process ID of its parent. Safe in a signal handler.
pub(crate) fn after_fork_in_child() {
    REPORTED_FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Different in a process and its parent. If the fork was not reported, only the process IDs differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessKey {
    pub(crate) id: u32,
    pub(crate) reported_forks: u32,
}

impl ProcessKey {
    pub(crate) fn current() -> Self {
        let reported_forks = REPORTED_FORKS.load(Ordering::Relaxed);
        Self { id: std::process::id(), reported_forks }
    }
}
