//! Setting `rankingRules`: the order in which criteria decide between documents.

use std::fmt;
use std::str::FromStr;

use deserr::Deserr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Setting;

/// One criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[deserr(try_from(String) = RankingRule::try_from -> RankingRuleError)]
pub enum RankingRule {
    /// Number of words of the query that match.
    Words,
    /// Number of typos.
    Typo,
    /// Nearness of the matching words.
    Proximity,
    /// Rank of the attribute and position in it.
    Attribute,
    /// Rank of the attribute alone.
    AttributeRank,
    /// Position in the attribute alone.
    WordPosition,
    /// Where the `sort` of the request applies.
    Sort,
    /// Likeness to the words as typed.
    Exactness,
    /// Ascending by a field.
    Asc(String),
    /// Descending by a field.
    Desc(String),
}

/// A list of ranking rules that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RankingRuleError {
    /// No such rule.
    #[error(
        "`{0}` is no ranking rule: use words, typo, proximity, attribute, attributeRank, wordPosition, sort, exactness, or a field followed by `:asc` or `:desc`."
    )]
    Unknown(String),
    /// A custom rule on a name that is kept for geographical search.
    #[error(
        "`{0}` is reserved and cannot be a ranking rule; to sort by distance use `sort` at search time."
    )]
    Reserved(String),
    /// Two rules that do the same work.
    #[error("`attribute` cannot stand together with `{0}`, which is a part of it.")]
    Overlapping(String),
}

/// Names that the geographical search keeps for itself.
const RESERVED: [&str; 7] = [
    "_geo",
    "_geojson",
    "_geoPoint",
    "_geoDistance",
    "_geoRadius",
    "_geoBoundingBox",
    "_geoPolygon",
];

impl RankingRule {
    /// The order that holds when none is set.
    pub fn defaults() -> Vec<RankingRule> {
        use RankingRule::*;
        vec![Words, Typo, Proximity, AttributeRank, Sort, WordPosition, Exactness]
    }
}

impl FromStr for RankingRule {
    type Err = RankingRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "words" => RankingRule::Words,
            "typo" => RankingRule::Typo,
            "proximity" => RankingRule::Proximity,
            "attribute" => RankingRule::Attribute,
            "attributeRank" => RankingRule::AttributeRank,
            "wordPosition" => RankingRule::WordPosition,
            "sort" => RankingRule::Sort,
            "exactness" => RankingRule::Exactness,
            _ => {
                let custom = |field: &str| {
                    let name = field.split('(').next().unwrap_or(field);
                    match RESERVED.contains(&name) {
                        true => Err(RankingRuleError::Reserved(field.to_owned())),
                        false => Ok(field.to_owned()),
                    }
                };
                match text.rsplit_once(':') {
                    Some((field, "asc")) => RankingRule::Asc(custom(field)?),
                    Some((field, "desc")) => RankingRule::Desc(custom(field)?),
                    _ => return Err(RankingRuleError::Unknown(text.to_owned())),
                }
            }
        })
    }
}

impl fmt::Display for RankingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RankingRule::Words => "words",
            RankingRule::Typo => "typo",
            RankingRule::Proximity => "proximity",
            RankingRule::Attribute => "attribute",
            RankingRule::AttributeRank => "attributeRank",
            RankingRule::WordPosition => "wordPosition",
            RankingRule::Sort => "sort",
            RankingRule::Exactness => "exactness",
            RankingRule::Asc(field) => return write!(f, "{field}:asc"),
            RankingRule::Desc(field) => return write!(f, "{field}:desc"),
        })
    }
}

impl TryFrom<String> for RankingRule {
    type Error = RankingRuleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RankingRule> for String {
    fn from(rule: RankingRule) -> Self {
        rule.to_string()
    }
}

/// Refuses `attribute` beside one of its parts.
pub(super) fn without_overlap(
    rules: Setting<Vec<RankingRule>>,
) -> Result<Setting<Vec<RankingRule>>, RankingRuleError> {
    if let Setting::Set(rules) = &rules
        && rules.contains(&RankingRule::Attribute)
    {
        let is_part = |rule: &&RankingRule| {
            matches!(rule, RankingRule::AttributeRank | RankingRule::WordPosition)
        };
        if let Some(part) = rules.iter().find(is_part) {
            return Err(RankingRuleError::Overlapping(part.to_string()));
        }
    }
    Ok(rules)
}
