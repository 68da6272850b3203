//! Reports forks to the core: the process ID alone does not tell a child in another PID namespace from
//! its parent.

use std::sync::atomic::{AtomicBool, Ordering};

use zignsec_core::bindings;

use crate::ptr;

/// Reports the forks of this process from now on.
pub(crate) fn report_forks() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // Not a lock, because a fork can leave a lock held in the child. Two threads that arrive here
    // together install the hook twice, which does no harm.
    if !INSTALLED.load(Ordering::Acquire) && ptr::call_after_fork_in_child(after_fork_in_child) {
        INSTALLED.store(true, Ordering::Release);
    }
}

extern "C" fn after_fork_in_child() {
    bindings::after_fork_in_child();
}
