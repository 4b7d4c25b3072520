//! Score details as users see them (search.md 12.2).

use serde_json::{Map, Value, json};

use crate::document::GeoPoint;
use crate::geo::DistanceCriterion;
use crate::rank::score::MatchType;
use crate::schema::{Criterion, Schema};

pub use crate::rank::score::{Rank, ScoreDetail, SortValue, global_score};

/// Builds the `_rankingScoreDetails` object of a hit.
///
/// Two settings matter: ranking rules that name a half of *attribute* show both halves apart, and the
/// values of fields that are not displayed are hidden.
pub fn details_to_json(details: &[ScoreDetail], schema: &Schema) -> Map<String, Value> {
    let is_half =
        |rule: &Criterion| matches!(rule, Criterion::AttributeRank | Criterion::WordPosition);
    let separated = schema.criteria.iter().any(is_half);
    let mut object = Map::new();
    let mut order = 0;
    let mut details = details.iter().peekable();
    while let Some(detail) = details.next() {
        let (key, value) = match detail {
            ScoreDetail::Words { matching, max } => (
                "words".to_owned(),
                counted(order, ["matchingWords", "maxMatchingWords"], *matching, *max, detail),
            ),
            ScoreDetail::Typo { count, max } => (
                "typo".to_owned(),
                counted(order, ["typoCount", "maxTypoCount"], *count, *max, detail),
            ),
            ScoreDetail::Proximity(rank) => ("proximity".to_owned(), ranked(order, *rank)),
            ScoreDetail::AttributeRank(rank) if separated => {
                ("attributeRank".to_owned(), ranked(order, *rank))
            }
            ScoreDetail::WordPosition(rank) if separated => {
                ("wordPosition".to_owned(), ranked(order, *rank))
            }
            ScoreDetail::AttributeRank(by_attribute) => {
                let by_position =
                    details.next_if(|next| matches!(next, ScoreDetail::WordPosition(_)));
                (
                    "attribute".to_owned(),
                    attribute(order, *by_attribute, by_position.and_then(ScoreDetail::rank)),
                )
            }
            // Unified rules always give the other half first.
            ScoreDetail::WordPosition(rank) => ("attribute".to_owned(), ranked(order, *rank)),
            ScoreDetail::ExactAttribute(match_type) => {
                let words = details.next_if(|next| matches!(next, ScoreDetail::ExactWords { .. }));
                ("exactness".to_owned(), exactness(order, *match_type, words))
            }
            ScoreDetail::ExactWords { matching, max } => (
                "exactness".to_owned(),
                counted(order, ["matchingWords", "maxMatchingWords"], *matching, *max, detail),
            ),
            ScoreDetail::Sort { field, ascending, value } => {
                let direction = if *ascending { "asc" } else { "desc" };
                if is_shown(schema, field) {
                    (
                        format!("{field}:{direction}"),
                        json!({ "order": order, "value": sort_value(value) }),
                    )
                } else {
                    (
                        format!("<hidden-rule-{order}>"),
                        json!({ "order": order, "value": "<hidden>" }),
                    )
                }
            }
            ScoreDetail::GeoSort { criterion, point } => geo_sort(order, *criterion, *point),
            ScoreDetail::Vector(similarity) => (
                "vectorSort".to_owned(),
                json!({ "order": order, "similarity": similarity.map(f64::from) }),
            ),
            ScoreDetail::Skipped => ("skipped".to_owned(), json!({ "order": order })),
        };
        object.insert(key, value);
        order += 1;
    }
    object
}

fn counted(order: u32, names: [&str; 2], count: u32, max: u32, detail: &ScoreDetail) -> Value {
    let [count_name, max_name] = names;
    let score = detail.rank().map(Rank::local_score);
    json!({ "order": order, count_name: count, max_name: max, "score": score })
}

fn ranked(order: u32, rank: Rank) -> Value {
    json!({ "order": order, "score": rank.local_score() })
}

fn attribute(order: u32, by_attribute: Rank, by_position: Option<Rank>) -> Value {
    match by_position {
        // The search was cut between the halves.
        None => json!({ "order": order, "attributeRankingOrderScore": by_attribute.local_score() }),
        Some(by_position) => json!({
            "order": order,
            "attributeRankingOrderScore": by_attribute.local_score(),
            "queryWordDistanceScore": by_position.local_score(),
            "score": Rank::merge([by_attribute, by_position]).local_score(),
        }),
    }
}

fn exactness(order: u32, match_type: MatchType, words: Option<&ScoreDetail>) -> Value {
    let name = match match_type {
        MatchType::ExactMatch => "exactMatch",
        MatchType::MatchesStart => "matchesStart",
        MatchType::NoExactMatch => "noExactMatch",
    };
    match (match_type, words) {
        (MatchType::NoExactMatch, Some(ScoreDetail::ExactWords { matching, max })) => {
            let ranks = [Some(match_type.rank()), words.and_then(ScoreDetail::rank)];
            json!({
                "order": order,
                "matchType": name,
                "matchingWords": matching,
                "maxMatchingWords": max,
                "score": Rank::merge(ranks.into_iter().flatten()).local_score(),
            })
        }
        _ => json!({
            "order": order,
            "matchType": name,
            "score": match_type.rank().local_score(),
        }),
    }
}

fn geo_sort(order: u32, by: DistanceCriterion, point: Option<GeoPoint>) -> (String, Value) {
    let direction = if by.ascending { "asc" } else { "desc" };
    let value = point.map(|point| json!({ "lat": point.lat, "lng": point.lng }));
    let distance = point.map(|point| by.from.distance_to(point));
    (
        format!("_geoPoint({}, {}):{direction}", by.from.lat, by.from.lng),
        json!({ "order": order, "value": value, "distance": distance }),
    )
}

fn sort_value(value: &SortValue) -> Value {
    match value {
        SortValue::Number(number) => json!(number),
        SortValue::String(text) => json!(text),
        SortValue::Null => Value::Null,
    }
}

/// Only the exact name of a displayed attribute shows its values.
fn is_shown(schema: &Schema, field: &str) -> bool {
    schema.displayed.as_ref().is_none_or(|list| list.iter().any(|name| name == field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Index, OpenOptions};

    /// A schema that differs from the defaults in what score details depend on.
    fn schema(criteria: Vec<Criterion>, displayed: Option<Vec<String>>) -> Schema {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { map_size: 1 << 20, max_readers: 8, write_map: false };
        let now = time::OffsetDateTime::UNIX_EPOCH;
        let index = Index::create(dir.path(), &options, now, now).unwrap();
        let rtxn = index.read_txn().unwrap();
        Schema { criteria, displayed, ..Schema::load(&index, &rtxn).unwrap() }
    }

    fn rank(rank: u32, max_rank: u32) -> Rank {
        Rank { rank, max_rank }
    }

    fn show(details: &[ScoreDetail], schema: &Schema) -> String {
        serde_json::to_string(&details_to_json(details, schema)).unwrap()
    }

    /// The worked example of search.md 12.2.
    #[test]
    fn separated_attribute_rules() {
        let details = [
            ScoreDetail::Words { matching: 2, max: 2 },
            ScoreDetail::Typo { count: 0, max: 2 },
            ScoreDetail::Proximity(rank(2, 4)),
            ScoreDetail::AttributeRank(rank(3, 3)),
            ScoreDetail::WordPosition(rank(18, 21)),
            ScoreDetail::ExactAttribute(MatchType::NoExactMatch),
            ScoreDetail::ExactWords { matching: 2, max: 2 },
        ];
        let expected = concat!(
            r#"{"words":{"order":0,"matchingWords":2,"maxMatchingWords":2,"score":1.0},"#,
            r#""typo":{"order":1,"typoCount":0,"maxTypoCount":2,"score":1.0},"#,
            r#""proximity":{"order":2,"score":0.5},"#,
            r#""attributeRank":{"order":3,"score":1.0},"#,
            r#""wordPosition":{"order":4,"score":0.8571428571428571},"#,
            r#""exactness":{"order":5,"matchType":"noExactMatch","matchingWords":2,"maxMatchingWords":2,"score":0.3333333333333333}}"#,
        );
        assert_eq!(show(&details, &schema(Criterion::defaults(), None)), expected);
    }

    #[test]
    fn unified_attribute_rule_and_exact_match() {
        let details = [
            ScoreDetail::AttributeRank(rank(2, 3)),
            ScoreDetail::WordPosition(rank(3, 4)),
            ScoreDetail::ExactAttribute(MatchType::MatchesStart),
            ScoreDetail::ExactWords { matching: 1, max: 2 },
        ];
        let expected = concat!(
            r#"{"attribute":{"order":0,"attributeRankingOrderScore":0.6666666666666666,"#,
            r#""queryWordDistanceScore":0.75,"score":0.5833333333333334},"#,
            r#""exactness":{"order":1,"matchType":"matchesStart","score":0.6666666666666666}}"#,
        );
        let schema = schema(vec![Criterion::Attribute, Criterion::Exactness], None);
        assert_eq!(show(&details, &schema), expected);
        let expected = r#"{"attribute":{"order":0,"attributeRankingOrderScore":0.6666666666666666},"skipped":{"order":1}}"#;
        assert_eq!(show(&[details[0].clone(), ScoreDetail::Skipped], &schema), expected);
    }

    #[test]
    fn distances_are_told_with_the_point() {
        let from = GeoPoint { lat: 0.0, lng: -1.5 };
        let near = Some(GeoPoint { lat: 0.0, lng: -1.5 });
        let detail = |ascending, point| ScoreDetail::GeoSort {
            criterion: DistanceCriterion { from, ascending },
            point,
        };
        let schema = schema(Criterion::defaults(), None);
        assert_eq!(
            show(&[detail(true, near), detail(false, None)], &schema),
            concat!(
                r#"{"_geoPoint(0, -1.5):asc":{"order":0,"value":{"lat":0.0,"lng":-1.5},"distance":0.0},"#,
                r#""_geoPoint(0, -1.5):desc":{"order":1,"value":null,"distance":null}}"#,
            )
        );
    }

    #[test]
    fn sort_values_of_fields_that_are_not_displayed_are_hidden() {
        let sort = |field: &str, ascending, value| ScoreDetail::Sort {
            field: field.to_owned(),
            ascending,
            value,
        };
        let details = [
            sort("a", true, SortValue::Number(3.0)),
            sort("b.c", false, SortValue::String("x".to_owned())),
            sort("d", true, SortValue::Null),
        ];
        let expected = r#"{"a:asc":{"order":0,"value":3.0},"b.c:desc":{"order":1,"value":"x"},"d:asc":{"order":2,"value":null}}"#;
        assert_eq!(show(&details, &schema(Criterion::defaults(), None)), expected);
        let displayed = Some(vec!["a".to_owned(), "b".to_owned()]);
        let expected = r#"{"a:asc":{"order":0,"value":3.0},"<hidden-rule-1>":{"order":1,"value":"<hidden>"},"<hidden-rule-2>":{"order":2,"value":"<hidden>"}}"#;
        assert_eq!(show(&details, &schema(Criterion::defaults(), displayed)), expected);
    }
}
