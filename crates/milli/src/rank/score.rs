//! What a rule says of a document, and the global score (search.md 12.1).

use crate::document::GeoPoint;
use crate::geo::DistanceCriterion;

/// A place on a scale: `rank` of `max_rank`, the greater the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Place reached, at most `max_rank`.
    pub rank: u32,
    /// Length of the scale.
    pub max_rank: u32,
}

impl Rank {
    /// The rank as a share of its scale.
    pub fn local_score(self) -> f64 {
        f64::from(self.rank) / f64::from(self.max_rank)
    }

    /// Merges ranks in order into one: each refines the places of those before it.
    pub fn merge(ranks: impl IntoIterator<Item = Rank>) -> Rank {
        let start = Rank { rank: 1, max_rank: 1 };
        ranks.into_iter().fold(start, |merged, next| Rank {
            // Long scales of many rules overflow, and clients see the result.
            rank: merged.rank.saturating_sub(1).wrapping_mul(next.max_rank).wrapping_add(next.rank),
            max_rank: merged.max_rank.wrapping_mul(next.max_rank),
        })
    }
}

/// How a document matches an attribute as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchType {
    /// An attribute holds the query and nothing else.
    ExactMatch,
    /// An attribute begins with the query.
    MatchesStart,
    /// Neither.
    NoExactMatch,
}

/// A value that a document was sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortValue {
    /// A number.
    Number(f64),
    /// A normalised string.
    String(String),
    /// The document has no value.
    Null,
}

/// What one rule says of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreDetail {
    /// Query words that the document matches.
    Words {
        /// Words matched.
        matching: u32,
        /// Words of the query.
        max: u32,
    },
    /// Typos between the query and the document.
    Typo {
        /// Typos counted.
        count: u32,
        /// Most typos that the query allows.
        max: u32,
    },
    /// Distance between the words.
    Proximity(Rank),
    /// Weight of the attributes that hold the words.
    AttributeRank(Rank),
    /// Positions of the words in their attributes.
    WordPosition(Rank),
    /// Whether an attribute holds just the query.
    ExactAttribute(MatchType),
    /// Query words that the document holds as typed.
    ExactWords {
        /// Words as typed.
        matching: u32,
        /// Words of the query.
        max: u32,
    },
    /// Value of the field that a sort or a ranking rule names.
    Sort {
        /// The field.
        field: String,
        /// Whether small values come first.
        ascending: bool,
        /// The document's value.
        value: SortValue,
    },
    /// Distance from the place that a sort names; all documents of a bucket tell that of the first.
    GeoSort {
        /// The place and the direction.
        criterion: DistanceCriterion,
        /// The document's point, if it has one.
        point: Option<GeoPoint>,
    },
    /// How similar the vectors of the document and of the query are, 0 to 1; `None` for a document
    /// without vector.
    Vector(Option<f32>),
    /// The search was cut before this rule.
    Skipped,
}

impl ScoreDetail {
    /// The rank, for rules that take part in the global score.
    pub fn rank(&self) -> Option<Rank> {
        Some(match *self {
            ScoreDetail::Words { matching, max } => Rank { rank: matching, max_rank: max },
            ScoreDetail::Typo { count, max } => {
                Rank { rank: (max + 1).saturating_sub(count), max_rank: max + 1 }
            }
            ScoreDetail::Proximity(rank)
            | ScoreDetail::AttributeRank(rank)
            | ScoreDetail::WordPosition(rank) => rank,
            ScoreDetail::ExactAttribute(match_type) => match_type.rank(),
            ScoreDetail::ExactWords { matching, max } => {
                Rank { rank: matching + 1, max_rank: max + 1 }
            }
            ScoreDetail::Skipped => Rank { rank: 0, max_rank: 1 },
            ScoreDetail::Sort { .. } | ScoreDetail::GeoSort { .. } | ScoreDetail::Vector(_) => {
                return None;
            }
        })
    }
}

impl MatchType {
    /// The place among the three match types.
    pub fn rank(self) -> Rank {
        let rank = match self {
            MatchType::ExactMatch => 3,
            MatchType::MatchesStart => 2,
            MatchType::NoExactMatch => 1,
        };
        Rank { rank, max_rank: 3 }
    }
}

/// The global score of a document, 0 to 1: the similarity if it was ranked by vectors, else the merged
/// ranks; 1 without any rank.
pub fn global_score(details: &[ScoreDetail]) -> f64 {
    let similarity = details.iter().rev().find_map(|detail| match detail {
        ScoreDetail::Vector(similarity) => Some(f64::from(similarity.unwrap_or_default())),
        _ => None,
    });
    if let Some(similarity) = similarity {
        return similarity;
    }
    Rank::merge(details.iter().filter_map(ScoreDetail::rank)).local_score()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of search.md 12.2: "red kite" in "the red and big kite".
    fn example() -> Vec<ScoreDetail> {
        let rank = |rank, max_rank| Rank { rank, max_rank };
        vec![
            ScoreDetail::Words { matching: 2, max: 2 },
            ScoreDetail::Typo { count: 0, max: 2 },
            ScoreDetail::Proximity(rank(2, 4)),
            ScoreDetail::AttributeRank(rank(3, 3)),
            ScoreDetail::WordPosition(rank(18, 21)),
            ScoreDetail::ExactAttribute(MatchType::NoExactMatch),
            ScoreDetail::ExactWords { matching: 2, max: 2 },
        ]
    }

    #[test]
    fn the_worked_example() {
        let details = example();
        let merged: Vec<_> = (1..=details.len())
            .map(|n| Rank::merge(details[..n].iter().filter_map(ScoreDetail::rank)))
            .map(|rank| (rank.rank, rank.max_rank))
            .collect();
        assert_eq!(
            merged,
            [(2, 2), (6, 6), (22, 24), (66, 72), (1383, 1512), (4147, 4536), (12441, 13608)]
        );
        assert!((global_score(&details) - 0.914_241_6).abs() < 1e-7);
    }

    #[test]
    fn rules_without_rank_do_not_count() {
        let sort = ScoreDetail::Sort { field: "a".into(), ascending: true, value: SortValue::Null };
        assert_eq!(global_score(std::slice::from_ref(&sort)), 1.0);
        assert_eq!(global_score(&[]), 1.0);
        let words = ScoreDetail::Words { matching: 1, max: 2 };
        assert_eq!(global_score(&[sort, words]), 0.5);
    }

    #[test]
    fn the_similarity_is_the_score() {
        let words = ScoreDetail::Words { matching: 1, max: 2 };
        assert_eq!(global_score(&[ScoreDetail::Vector(Some(0.75)), words]), 0.75);
        assert_eq!(global_score(&[ScoreDetail::Vector(None)]), 0.0);
    }

    #[test]
    fn a_cut_search_loses_the_place_it_had() {
        let words = ScoreDetail::Words { matching: 3, max: 4 };
        assert_eq!(global_score(&[words, ScoreDetail::Skipped]), 0.5);
        assert_eq!(global_score(&[ScoreDetail::Skipped]), 0.0);
    }
}
