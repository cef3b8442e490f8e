//! The checkpoints of a file in order, searched by halves. Of an index of text only the lines are read that
//! a search looks at.

use std::borrow::Cow;

use super::Checkpoint;

/// In the place of GTIDs that do not tell what came before.
const UNKNOWN: &str = "?";

/// Checkpoints to search.
#[derive(Debug, Clone, Copy)]
pub(super) enum Checkpoints<'a> {
    /// Of an index in memory.
    Made(&'a [Checkpoint]),
    /// Of one beside its file.
    Lines(&'a Lines),
}

impl Checkpoints<'_> {
    /// How many there are before the one of which `is_before` does not hold, as it must of none that follows;
    /// the first `from` are not asked.
    pub(super) fn count(&self, from: usize, is_before: impl Fn(&Checkpoint) -> bool) -> usize {
        let mut end = match self {
            Self::Made(checkpoints) => checkpoints.len(),
            Self::Lines(lines) => lines.begins.len(),
        };
        let mut begin = from;
        while begin < end {
            let middle = begin + (end - begin) / 2;
            match self.at(middle) {
                Some(checkpoint) if is_before(&checkpoint) => begin = middle + 1,
                _ => end = middle,
            }
        }
        begin
    }

    /// The last one behind the first `from` of which `is_before` holds, as it must of those between.
    pub(super) fn last(
        &self,
        from: usize,
        is_before: impl Fn(&Checkpoint) -> bool,
    ) -> Option<Checkpoint> {
        let count = self.count(from, is_before);
        self.at(count.checked_sub(1).filter(|last| *last >= from)?).map(Cow::into_owned)
    }

    pub(super) fn at(&self, index: usize) -> Option<Cow<'_, Checkpoint>> {
        match self {
            Self::Made(checkpoints) => checkpoints.get(index).map(Cow::Borrowed),
            Self::Lines(lines) => lines.at(index).map(Cow::Owned),
        }
    }
}

/// Checkpoints as lines of text.
#[derive(Debug)]
pub(crate) struct Lines {
    text: String,
    /// Where in the text each of them begins.
    begins: Vec<usize>,
}

impl Lines {
    /// The lines of a text behind its first `from` bytes.
    pub(super) fn of(text: String, from: usize) -> Self {
        let lines = text.get(from..).unwrap_or_default().split_inclusive('\n');
        let begins = lines.scan(from, |at, line| {
            let begin = *at;
            *at += line.len();
            Some(begin)
        });
        let begins = begins.collect();
        Self { text, begins }
    }

    /// What all of them say; `None` if one of them says nothing.
    pub(crate) fn all(&self) -> Option<Vec<Checkpoint>> {
        (0..self.begins.len()).map(|index| self.at(index)).collect()
    }

    fn at(&self, index: usize) -> Option<Checkpoint> {
        let line = self.text.get(*self.begins.get(index)?..)?.lines().next()?;
        let mut fields = line.splitn(4, ' ');
        let mut field = || fields.next();
        Some(Checkpoint {
            offset: field()?.parse().ok()?,
            head_end: field()?.parse().ok()?,
            time: field()?.parse().ok()?,
            gtids: field().filter(|gtids| *gtids != UNKNOWN).map(str::to_owned),
        })
    }
}

/// A checkpoint as a line.
pub(super) fn line(checkpoint: &Checkpoint) -> String {
    let Checkpoint { offset, head_end, time, gtids } = checkpoint;
    let gtids = gtids.as_deref().unwrap_or(UNKNOWN);
    format!("{offset} {head_end} {time} {gtids}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_the_same_in_lines_as_in_memory() {
        for count in 0..9 {
            let checkpoint = |n: u64| Checkpoint {
                offset: 100 * n,
                head_end: 4,
                time: 7,
                gtids: (!n.is_multiple_of(3)).then(|| format!("0-1-{n}")),
            };
            let made: Vec<_> = (0..count).map(checkpoint).collect();
            let text = "title\n".to_owned() + &made.iter().map(line).collect::<String>();
            let lines = Lines::of(text, 6);
            let (made_ones, lines) = (Checkpoints::Made(&made), Checkpoints::Lines(&lines));
            for end in (0..1000).step_by(50) {
                for from in 0..made.len() {
                    let is_before = |checkpoint: &Checkpoint| checkpoint.offset < end;
                    let wanted = made.iter().skip(from).take_while(|place| is_before(place)).last();
                    assert_eq!(made_ones.last(from, is_before).as_ref(), wanted);
                    assert_eq!(lines.last(from, is_before).as_ref(), wanted);
                }
            }
            assert_eq!(lines.at(made.len()), None);
        }
    }
}
