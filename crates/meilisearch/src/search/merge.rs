//! Several ranked lists → one, best first (search.md 18.4 and 19.3).

use std::cmp::Ordering;

use milli::search::scores::{Rank, ScoreDetail, SortValue, global_score};

/// A document that a query found, with what it is compared by.
#[derive(Debug, Clone)]
pub(super) struct RankedHit {
    pub(super) docid: u32,
    /// Place of the query in the request.
    pub(super) position: usize,
    pub(super) scores: Vec<ScoreDetail>,
    /// Global score times the weight of the query.
    pub(super) weighted_score: f64,
    values: Vec<MergeValue>,
}

/// One step of a comparison.
#[derive(Debug, Clone, PartialEq)]
enum MergeValue {
    /// Consecutive ranks as one score, times the weight of the query.
    Score(f64),
    Sort {
        ascending: bool,
        value: SortValue,
    },
    /// The distance from a place.
    Distance {
        ascending: bool,
        metres: Option<f64>,
    },
}

impl RankedHit {
    pub(super) fn new(docid: u32, position: usize, weight: f64, scores: Vec<ScoreDetail>) -> Self {
        let weighted_score = global_score(&scores) * weight;
        let values = merge_values(&scores, weight);
        Self { docid, position, scores, weighted_score, values }
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
            match my_value.compare(other_value) {
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

impl MergeValue {
    /// `None` when the values cannot be compared.
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (MergeValue::Score(mine), MergeValue::Score(other)) => {
                let is_equal = (mine - other).abs() <= f64::EPSILON;
                Some(if is_equal { Ordering::Equal } else { mine.total_cmp(other) })
            }
            (
                MergeValue::Sort { ascending, value },
                MergeValue::Sort { ascending: other_ascending, value: other },
            ) if ascending == other_ascending => Some(compare_sorted(value, other, *ascending)),
            (
                MergeValue::Distance { ascending, metres },
                MergeValue::Distance { ascending: other_ascending, metres: other },
            ) if ascending == other_ascending => Some(compare_distances(*metres, *other)),
            _ => None,
        }
    }
}

/// `Greater` when the first value comes first: a missing value last, numbers before strings.
fn compare_sorted(mine: &SortValue, other: &SortValue, ascending: bool) -> Ordering {
    let directed = |order: Ordering| if ascending { order.reverse() } else { order };
    match (mine, other) {
        (SortValue::Null, SortValue::Null) => Ordering::Equal,
        (SortValue::Null, _) => Ordering::Less,
        (_, SortValue::Null) => Ordering::Greater,
        (SortValue::Number(mine), SortValue::Number(other)) => directed(mine.total_cmp(other)),
        (SortValue::Number(_), SortValue::String(_)) => Ordering::Greater,
        (SortValue::String(_), SortValue::Number(_)) => Ordering::Less,
        (SortValue::String(mine), SortValue::String(other)) => directed(mine.cmp(other)),
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

fn merge_values(scores: &[ScoreDetail], weight: f64) -> Vec<MergeValue> {
    let mut values = Vec::new();
    let mut ranks: Vec<Rank> = Vec::new();
    let close = |ranks: &mut Vec<Rank>, values: &mut Vec<MergeValue>| {
        if !ranks.is_empty() {
            values.push(MergeValue::Score(Rank::merge(ranks.drain(..)).local_score() * weight));
        }
    };
    for detail in scores {
        match (detail.rank(), detail) {
            (Some(rank), _) => ranks.push(rank),
            (None, ScoreDetail::Sort { ascending, value, .. }) => {
                close(&mut ranks, &mut values);
                values.push(MergeValue::Sort { ascending: *ascending, value: value.clone() });
            }
            (None, ScoreDetail::GeoSort { criterion, point }) => {
                close(&mut ranks, &mut values);
                let metres = point.map(|point| criterion.from.distance_to(point));
                values.push(MergeValue::Distance { ascending: criterion.ascending, metres });
            }
            (None, _) => {}
        }
    }
    close(&mut ranks, &mut values);
    values
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
