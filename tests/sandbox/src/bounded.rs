//! Lists that drop their oldest entries, so that a sandbox can run for weeks in bounded memory.

use std::collections::VecDeque;

/// The newest entries, limited by count and by total weight in bytes.
pub(crate) struct Bounded<T> {
    entries: VecDeque<(T, usize)>,
    /// How many entries were dropped: the position of the oldest one that is left. Positions count
    /// all entries that were ever added.
    dropped: u64,
    weight: usize,
    max_entries: usize,
    max_weight: usize,
}

impl<T> Bounded<T> {
    pub(crate) fn new(max_entries: usize, max_weight: usize) -> Self {
        Self { entries: VecDeque::new(), dropped: 0, weight: 0, max_entries, max_weight }
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
            self.dropped += 1;
            dropped.push(entry);
        }
        dropped
    }

    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().rev().map(|(entry, _)| entry)
    }

    /// The entries before a position, or all, with their positions. A list can be read in parts
    /// with it, even if entries are added or dropped in between.
    pub(crate) fn before(&self, position: Option<u64>) -> impl Iterator<Item = (u64, &T)> {
        let end = self.dropped + self.entries.len() as u64;
        let end = position.map_or(end, |position| position.clamp(self.dropped, end));
        let count = (end - self.dropped) as usize;
        let positions = (self.dropped..end).rev();
        positions.zip(self.entries.range(..count).rev().map(|(entry, _)| entry))
    }

    pub(crate) fn newest_first_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().rev().map(|(entry, _)| entry)
    }

    pub(crate) fn clear(&mut self) {
        self.dropped += self.entries.len() as u64;
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

    #[test]
    fn list_is_read_in_parts_although_it_changes() {
        let mut list = Bounded::new(3, 100);
        let next = |list: &Bounded<char>, position| {
            list.before(position).next().map(|(position, entry)| (position, *entry))
        };
        assert_eq!(next(&list, None), None);
        "abc".chars().for_each(|entry| drop(list.push(entry, 1)));
        assert_eq!(next(&list, None), Some((2, 'c')));
        list.push('d', 1);
        assert_eq!(next(&list, Some(2)), Some((1, 'b')));
        list.push('e', 1);
        assert_eq!(next(&list, Some(1)), None);
        list.clear();
        list.push('f', 1);
        assert_eq!((next(&list, None), next(&list, Some(1))), (Some((5, 'f')), None));
    }
}
