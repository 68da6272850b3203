//! State that a fork must not share.

use once_cell::race::OnceBox;

use super::process::ProcessKey;

/// A value that each process creates for itself.
///
/// After a fork, parent and child would otherwise read each other's responses from the same socket,
/// and a lock held by another thread would never be released in the child. A child never touches
/// the value of its parent: it appends its own, without a lock.
pub(crate) struct PerProcess<T> {
    first: OnceBox<Link<T>>,
}

/// The value of one process. Each process appends one link.
struct Link<T> {
    process: ProcessKey,
    value: T,
    next: OnceBox<Link<T>>,
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { first: OnceBox::new() }
    }

    /// The value of this process.
    pub(crate) fn get_or_init(&self, make: impl Fn() -> T) -> &T {
        let process = ProcessKey::current();
        let link = || Box::new(Link { process, value: make(), next: OnceBox::new() });
        let mut last = self.first.get_or_init(link);
        while last.process != process {
            last = last.next.get_or_init(link);
        }
        &last.value
    }
}
