//! CPU time and memory of this process, as the system reports them.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time of all threads so far, in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    (time.tv_sec * 1_000_000_000 + time.tv_nsec).cast_unsigned()
}

/// The most memory that was ever resident, in KiB.
pub(crate) fn peak_kib() -> u64 {
    kib("/proc/self/status", "VmHWM:")
}

/// The memory that is resident, in KiB.
pub(crate) fn resident_kib() -> u64 {
    kib("/proc/self/smaps_rollup", "Rss:")
}

fn kib(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a known name");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
