//! Several ranked lists → one, best first (search.md 18.4 and 19.3).

use std::cmp::Ordering;

use milli::search::compare::{Comparable, comparables, compare_scores, compare_sorted};
use milli::search::scores::{ScoreDetail, global_score};

/// A document that a query found, with what it is compared by.
#[derive(Debug, Clone)]
pub(super) struct RankedHit {
    pub(super) docid: u32,
    /// Place of the query in the request.
    pub(super) position: usize,
    pub(super) scores: Vec<ScoreDetail>,
    /// Global score times the weight of the query.
    pub(super) weighted_score: f64,
    values: Vec<Comparable>,
}

impl RankedHit {
    pub(super) fn new(docid: u32, position: usize, weight: f64, scores: Vec<ScoreDetail>) -> Self {
        let weighted_score = global_score(&scores) * weight;
        let values = comparables(&scores, weight);
        Self { docid, position, scores, weighted_score, values }
    }

    /// Whether a vector ranked it.
    pub(super) fn is_semantic(&self) -> bool {
        self.scores.iter().any(|detail| matches!(detail, ScoreDetail::Vector(_)))
    }

    /// `Greater` when this hit comes first; never `Equal` for hits of different queries.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.compare_values(other).then_with(|| other.position.cmp(&self.position))
    }

    fn compare_values(&self, other: &Self) -> Ordering {
        let (mut mine, mut others) = (&self.values[..], &other.values[..]);
        loop {
            let (my_value, other_value) = match (mine, others) {
                ([], []) => return Ordering::Equal,
                (_, []) => return Ordering::Greater,
                ([], _) => return Ordering::Less,
                ([my_value, ..], [other_value, ..]) => (my_value, other_value),
            };
            match compare_value(my_value, other_value) {
                Some(Ordering::Equal) => {}
                Some(order) => return order,
                None => {
                    let by_length = mine.len().cmp(&others.len());
                    return by_length.then(self.weighted_score.total_cmp(&other.weighted_score));
                }
            }
            (mine, others) = (&mine[1..], &others[1..]);
        }
    }
}

/// `None` when the values cannot be compared.
fn compare_value(mine: &Comparable, other: &Comparable) -> Option<Ordering> {
    match (mine, other) {
        (Comparable::Score(mine), Comparable::Score(other)) => Some(compare_scores(*mine, *other)),
        (
            Comparable::Sort { ascending, value },
            Comparable::Sort { ascending: other_ascending, value: other },
        ) if ascending == other_ascending => Some(compare_sorted(value, other, *ascending)),
        (
            Comparable::Distance { ascending, metres },
            Comparable::Distance { ascending: other_ascending, metres: other },
        ) if ascending == other_ascending => Some(compare_distances(*metres, *other)),
        _ => None,
    }
}

/// `Greater` when the first distance comes first: the larger one, whatever the direction of the sort
/// (search.md 19.3), and a missing one last.
fn compare_distances(mine: Option<f64>, other: Option<f64>) -> Ordering {
    match (mine, other) {
        (Some(mine), Some(other)) => mine.total_cmp(&other),
        (mine, other) => mine.is_some().cmp(&other.is_some()),
    }
}

/// Takes from the list whose head comes first, until all are empty. The lists are ranked themselves.
pub(super) fn best_first<T>(
    lists: Vec<Vec<T>>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> impl Iterator<Item = T> {
    let mut lists: Vec<_> = lists.into_iter().map(|list| list.into_iter().peekable()).collect();
    std::iter::from_fn(move || {
        let mut best: Option<(usize, &T)> = None;
        for (at, list) in lists.iter_mut().enumerate() {
            if let Some(head) = list.peek()
                && best.as_ref().is_none_or(|(_, best)| compare(head, best) == Ordering::Greater)
            {
                best = Some((at, head));
            }
        }
        let (at, _) = best?;
        lists.get_mut(at)?.next()
    })
}

#[cfg(test)]
mod tests {
    use milli::document::GeoPoint;
    use milli::geo::DistanceCriterion;
    use milli::search::scores::SortValue;

    use super::*;

    fn typo(count: u32) -> ScoreDetail {
        ScoreDetail::Typo { count, max: 3 }
    }

    fn sort(ascending: bool, value: SortValue) -> ScoreDetail {
        ScoreDetail::Sort { field: "f".to_owned(), ascending, value }
    }

    #[track_caller]
    fn check(mine: (f64, &[ScoreDetail]), other: (f64, &[ScoreDetail]), expected: Ordering) {
        let hit = |(weight, scores): (f64, &[ScoreDetail]), position| {
            RankedHit::new(0, position, weight, scores.to_vec())
        };
        let (mine, other) = (hit(mine, 0), hit(other, 1));
        assert_eq!(mine.compare(&other), expected);
        assert_eq!(other.compare(&mine), expected.reverse());
    }

    #[test]
    fn weighted_scores_decide_then_the_position() {
        check((1.0, &[typo(0)]), (1.0, &[typo(1)]), Ordering::Greater);
        check((0.5, &[typo(0)]), (1.0, &[typo(1)]), Ordering::Less);
        check((1.0, &[typo(1)]), (1.0, &[typo(1)]), Ordering::Greater);
        check((1.0, &[]), (1.0, &[typo(3)]), Ordering::Less);
    }

    #[test]
    fn sorted_values() {
        use SortValue::{Null, Number};
        let text = |text: &str| SortValue::String(text.to_owned());
        let up = |value| [sort(true, value)];
        let down = |value| [sort(false, value)];
        check((1.0, &up(Number(1.0))), (1.0, &up(Number(2.0))), Ordering::Greater);
        check((1.0, &down(Number(1.0))), (1.0, &down(Number(2.0))), Ordering::Less);
        check((1.0, &up(Number(9.0))), (1.0, &up(text("a"))), Ordering::Greater);
        check((1.0, &down(text("a"))), (1.0, &down(Null)), Ordering::Greater);
        // Not comparable: the longer list wins, then the weighted score.
        check((1.0, &up(Null)), (1.0, &[typo(0), typo(0)]), Ordering::Greater);
        let longer = [sort(false, Null), typo(0)];
        check((1.0, &up(Number(1.0))), (1.0, &longer), Ordering::Less);
    }

    #[test]
    fn the_farther_of_two_hits_comes_first() {
        let at = |lat| GeoPoint { lat, lng: 0.0 };
        let by = |ascending, point| {
            let criterion = DistanceCriterion { from: at(0.0), ascending };
            [ScoreDetail::GeoSort { criterion, point }]
        };
        for ascending in [true, false] {
            let (near, far) = (by(ascending, Some(at(1.0))), by(ascending, Some(at(2.0))));
            check((1.0, &far), (1.0, &near), Ordering::Greater);
            check((1.0, &near), (1.0, &by(ascending, None)), Ordering::Greater);
        }
        check((0.5, &by(true, None)), (1.0, &by(false, None)), Ordering::Less);
    }

    #[test]
    fn lists_are_taken_by_their_heads() {
        let lists = vec![vec![9, 3, 1], vec![], vec![8, 7, 2]];
        let merged: Vec<_> = best_first(lists, |a: &i32, b| a.cmp(b)).collect();
        assert_eq!(merged, [9, 8, 7, 3, 2, 1]);
    }
}
