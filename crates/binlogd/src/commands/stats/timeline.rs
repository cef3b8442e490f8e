//! What happened when, in equal spans of time that grow with the whole.

use std::collections::BTreeMap;

use serde::Serialize;

use super::collect::Changed;

/// More spans there never are.
const SPANS_MAX: u32 = 240;

/// Lengths that people think in, in seconds; then doubles of the last.
const WIDTHS: [u32; 18] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400];

/// Spans of one length, in order.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    /// The length of a span, in seconds.
    pub(super) width: u32,
    /// By when they begin, in seconds since 1970; those without anything are left out.
    spans: BTreeMap<u32, Changed>,
}

/// A span and what was done in it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Span {
    /// When it begins, in seconds since 1970.
    pub(super) time: u32,
    #[serde(flatten)]
    pub(super) changed: Changed,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self { width: 1, spans: BTreeMap::new() }
    }

    /// Counts what a transaction of this time did.
    pub(super) fn add(&mut self, time: u32, changed: &Changed) {
        self.spans.entry(time - time % self.width).or_default().add(changed);
        while self.len() > SPANS_MAX {
            self.widen();
        }
    }

    /// All spans from the first to the last, also the empty ones; at most `max`.
    pub(super) fn spans(mut self, max: u32) -> (u32, Vec<Span>) {
        while self.len() > max.max(2) {
            self.widen();
        }
        let Some((&first, _)) = self.spans.first_key_value() else {
            return (self.width, Vec::new());
        };
        let span = |index: u32| {
            let time = first + index * self.width;
            Span { time, changed: self.spans.get(&time).copied().unwrap_or_default() }
        };
        (self.width, (0..self.len()).map(span).collect())
    }

    /// How many spans there are from the first to the last.
    fn len(&self) -> u32 {
        let (first, last) = (self.spans.first_key_value(), self.spans.last_key_value());
        first.zip(last).map_or(0, |((first, _), (last, _))| (last - first) / self.width + 1)
    }

    fn widen(&mut self) {
        let next = WIDTHS.into_iter().find(|&width| width > self.width);
        self.width = next.unwrap_or(self.width.saturating_mul(2));
        for (time, changed) in std::mem::take(&mut self.spans) {
            self.spans.entry(time - time % self.width).or_default().add(&changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_grow_and_nothing_is_lost() {
        let mut timeline = Timeline::new();
        let one = Changed { transactions: 1, ..Changed::default() };
        let times = (0..1000).map(|n| 1_000_000 + n * 37).chain([999_990, u32::MAX - 5]);
        for (index, time) in times.enumerate() {
            timeline.add(time, &one);
            assert!(timeline.len() <= SPANS_MAX);
            let (_, spans) = timeline.clone().spans(60);
            assert!(spans.len() <= 60);
            let sum: u64 = spans.iter().map(|span| span.changed.transactions).sum();
            assert_eq!(sum, index as u64 + 1);
        }
        let (width, spans) = Timeline::new().spans(60);
        assert_eq!((width, spans.len()), (1, 0));
    }
}
