//! Lists that forget their oldest entries, so that a sandbox left running for a month is as small as a fresh one.

use std::collections::VecDeque;

/// The newest entries, within a count and a total weight in bytes.
pub(crate) struct Bounded<T> {
    entries: VecDeque<(T, usize)>,
    weight: usize,
    most: usize,
    heaviest: usize,
}

impl<T> Bounded<T> {
    pub(crate) fn new(most: usize, heaviest: usize) -> Self {
        Self { entries: VecDeque::new(), weight: 0, most, heaviest }
    }

    /// Adds the newest entry and returns those that had to go for it. The newest itself always stays.
    pub(crate) fn push(&mut self, entry: T, weight: usize) -> Vec<T> {
        self.entries.push_back((entry, weight));
        self.weight += weight;
        let mut gone = Vec::new();
        while self.entries.len() > 1
            && (self.entries.len() > self.most || self.weight > self.heaviest)
        {
            let Some((entry, weight)) = self.entries.pop_front() else {
                break;
            };
            self.weight -= weight;
            gone.push(entry);
        }
        gone
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
    fn the_oldest_go_first_by_count_and_by_weight() {
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
