//! Which part of a long text is shown: the stretch with the best matches, then as many words around
//! it as fit (search.md 17.5).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;

use charabia::{SeparatorKind, Token};

use super::matches::Match;

/// Distance between two matches beyond which it makes no difference.
const MAX_DISTANCE: usize = 7;

/// The part of `text`, in bytes, that `length` words around the best matches cover.
pub(crate) fn window(
    text: &str,
    tokens: &[Token<'_>],
    matches: &[Match],
    length: usize,
) -> Range<usize> {
    let Some(interval) = best_interval(matches, length) else {
        return Window::new(tokens, 0, 0).grow(length, text.len());
    };
    let (first, last) = (&matches[interval.start], &matches[interval.end - 1]);
    let size = last.words.end() - first.words.start() + 1;
    if size > length {
        return 0..end_of_words(tokens, first, length);
    }
    Window::new(tokens, *first.tokens.start(), last.tokens.end() + 1)
        .grow(length - size, text.len())
}

/// The matches worth showing, as a range of indexes; `None` when there are none.
fn best_interval(matches: &[Match], length: usize) -> Option<Range<usize>> {
    let mut best: Option<(Score, Range<usize>)> = None;
    let mut propose = |interval: Range<usize>| {
        let score = Score::of(&matches[interval.clone()]);
        if best.as_ref().is_none_or(|(best, _)| score.cmp(best) == Ordering::Greater) {
            best = Some((score, interval));
        }
    };
    let last_index = matches.len().checked_sub(1)?;
    let fits = |first: usize, last: usize| {
        let (start, end) = (*matches[first].words.start(), *matches[last].words.end());
        start > end || end - start < length
    };
    let mut first = 0;
    for i in 0..matches.len() {
        if fits(first, i) {
            continue;
        }
        // Behind a phrase that alone is too long, `first` may already have passed it.
        if i > first {
            propose(first..i);
        }
        while first < last_index && !fits(first, i) {
            first += 1;
        }
    }
    let only_one_too_long = first == last_index && matches[first].len() >= length;
    if !only_one_too_long {
        propose(first..matches.len());
    }
    Some(best.map_or(0..1, |(_, interval)| interval))
}

/// How good an interval of matches is; the parts are compared in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    query_positions: usize,
    closeness: i64,
    order: usize,
}

impl Score {
    fn of(matches: &[Match]) -> Self {
        let query_positions: BTreeSet<u16> =
            matches.iter().flat_map(|found| found.query_positions.clone()).collect();
        let words_in_phrases: usize = matches.iter().map(|found| found.len() - 1).sum();
        let neighbours = || matches.iter().zip(matches.iter().skip(1));
        let distance: usize = neighbours()
            .map(|(this, next)| (next.words.start() - this.words.end()).min(MAX_DISTANCE))
            .sum();
        let in_order = neighbours()
            .filter(|(this, next)| this.query_positions.start() < next.query_positions.start())
            .count();
        Self {
            query_positions: query_positions.len(),
            closeness: -((distance + words_in_phrases) as i64),
            order: in_order + words_in_phrases,
        }
    }
}

/// End of the first `length` words of a phrase that has more.
fn end_of_words(tokens: &[Token<'_>], phrase: &Match, length: usize) -> usize {
    let inside =
        tokens.iter().enumerate().take(phrase.tokens.end() + 1).skip(*phrase.tokens.start());
    let first_left_out =
        inside.filter(|(_, token)| !token.is_separator()).nth(length).map(|(at, _)| at);
    match first_left_out.and_then(|at| at.checked_sub(1)).and_then(|at| tokens.get(at)) {
        Some(separator) if separator.is_separator() => separator.byte_start,
        Some(word) => word.byte_end,
        None => 0,
    }
}

/// A run of tokens that grows on both sides.
struct Window<'t, 'o> {
    tokens: &'t [Token<'o>],
    start: usize,
    end: usize,
}

impl<'t, 'o> Window<'t, 'o> {
    /// The tokens `start..end`.
    fn new(tokens: &'t [Token<'o>], start: usize, end: usize) -> Self {
        Self { tokens, start, end }
    }

    /// Takes up to `remaining` more words, and the separators on the way.
    fn grow(mut self, mut remaining: usize, text_len: usize) -> Range<usize> {
        while remaining > 0 {
            let before = self.start.checked_sub(1).and_then(|at| self.tokens.get(at));
            let after = self.tokens.get(self.end);
            let kinds = (before.map(Token::separator_kind), after.map(Token::separator_kind));
            let (take_before, take_after) = match kinds {
                (None, None) => break,
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, true),
                (Some(None), Some(None)) => (true, remaining > 1),
                (Some(None), Some(Some(_))) => (true, false),
                (Some(Some(_)), Some(None)) => (false, true),
                (Some(Some(before)), Some(Some(after))) => match (before, after) {
                    (SeparatorKind::Hard, SeparatorKind::Soft) => (false, true),
                    (SeparatorKind::Soft, SeparatorKind::Hard) => (true, false),
                    _ => (true, remaining > 1),
                },
            };
            if take_before {
                self.start -= 1;
                remaining -= usize::from(kinds.0 == Some(None));
            }
            if take_after {
                self.end += 1;
                remaining -= usize::from(kinds.1 == Some(None));
            }
        }
        let start = self.start.checked_sub(1).and_then(|at| self.tokens.get(at));
        let end = self.tokens.get(self.end);
        start.map_or(0, |token| token.byte_end)..end.map_or(text_len, |token| token.byte_start)
    }
}
