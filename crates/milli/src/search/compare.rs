//! What documents of several ranked lists are compared by (search.md 18.4 and 19.3).

use std::cmp::Ordering;

use super::scores::{Rank, ScoreDetail, SortValue};

/// One step of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparable {
    /// Consecutive ranks as one score, or a similarity; times the weight of the list.
    Score(f64),
    /// A value that was sorted by.
    Sort {
        /// Whether small values come first.
        ascending: bool,
        /// The document's value.
        value: SortValue,
    },
    /// The distance from a place.
    Distance {
        /// Whether near documents come first.
        ascending: bool,
        /// The distance; `None` for a document without point.
        metres: Option<f64>,
    },
}

/// What a document with these scores is compared by, in order.
pub fn comparables(scores: &[ScoreDetail], weight: f64) -> Vec<Comparable> {
    let mut values = Vec::new();
    let mut ranks: Vec<Rank> = Vec::new();
    let close = |ranks: &mut Vec<Rank>, values: &mut Vec<Comparable>| {
        if !ranks.is_empty() {
            values.push(Comparable::Score(Rank::merge(ranks.drain(..)).local_score() * weight));
        }
    };
    for detail in scores {
        let value = match (detail.rank(), detail) {
            (Some(rank), _) => {
                ranks.push(rank);
                continue;
            }
            (None, ScoreDetail::Sort { ascending, value, .. }) => {
                Comparable::Sort { ascending: *ascending, value: value.clone() }
            }
            (None, ScoreDetail::GeoSort { criterion, point }) => Comparable::Distance {
                ascending: criterion.ascending,
                metres: point.map(|point| criterion.from.distance_to(point)),
            },
            (None, ScoreDetail::Vector(similarity)) => {
                Comparable::Score(f64::from(similarity.unwrap_or_default()) * weight)
            }
            (None, _) => continue,
        };
        close(&mut ranks, &mut values);
        values.push(value);
    }
    close(&mut ranks, &mut values);
    values
}

/// `Greater` when the first score is the better one; scores next to each other are equal.
pub fn compare_scores(mine: f64, other: f64) -> Ordering {
    if (mine - other).abs() <= f64::EPSILON { Ordering::Equal } else { mine.total_cmp(&other) }
}

/// `Greater` when the first value comes first: a missing value last, numbers before strings.
pub fn compare_sorted(mine: &SortValue, other: &SortValue, ascending: bool) -> Ordering {
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
