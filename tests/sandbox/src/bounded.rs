//! Lists that drop their oldest entries, so that a sandbox can run for weeks in bounded memory.

use std::collections::VecDeque;

/// The newest entries, limited by count and by total weight in bytes.
pub(crate) struct Bounded<T> {
    entries: VecDeque<(T, usize)>,
    weight: usize,
    max_entries: usize,
    max_weight: usize,
}

impl<T> Bounded<T> {
    pub(crate) fn new(max_entries: usize, max_weight: usize) -> Self {
        Self { entries: VecDeque::new(), weight: 0, max_entries, max_weight }
    }

    /// Adds an entry and returns the entries that were dropped for it. The new entry always stays.
    pub(crate) fn push(&mut self, entry: T, weight: usize) -> Vec<T> {
        self.entries.push_back((entry, weight));
        self.weight += weight;
        let mut dropped = Vec::new();
        while self.entries.len() > 1
            && (self.entries.len() > self.max_entries || self.weight > self.max_weight)
        {
            let Some((entry, weight)) = self.entries.pop_front() else {
                break;
            };
            self.weight -= weight;
            dropped.push(entry);
        }
        dropped
    }

    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().rev().map(|(entry, _)| entry)
    }

    pub(crate) fn newest_first_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().rev().map(|(entry, _)| entry)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_entries_are_dropped_by_count_and_by_weight() {
        let mut list = Bounded::new(3, 100);
        for n in 0..5 {
            list.push(n, 1);
        }
        assert_eq!(list.newest_first().copied().collect::<Vec<_>>(), [4, 3, 2]);
        assert_eq!(list.push(5, 99), [2, 3]);
        assert_eq!(list.push(6, 1000), [4, 5]);
        assert_eq!(list.newest_first().copied().collect::<Vec<_>>(), [6]);
    }
}
