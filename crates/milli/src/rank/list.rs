//! Ranking rules of the settings and criteria of the `sort` parameter → the rules of one search
//! (search.md section 6).

use super::attribute_rank::AttributeRank;
use super::exact_attribute::ExactAttribute;
use super::exact_words::ExactWords;
use super::geo_sort::GeoSort;
use super::graph_rule::GraphRule;
use super::proximity::Proximity;
use super::rule::RankingRule;
use super::sort::{Sort, SortCriterion};
use super::typo::Typo;
use super::vector_sort::{NearFirst, VectorSort};
use super::word_position::WordPosition;
use super::words::Words;
use crate::geo::DistanceCriterion;
use crate::query::graph::MatchingStrategy;
use crate::schema::Criterion;

/// One criterion of the `sort` parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum SortBy {
    /// The values of a field.
    Field(SortCriterion),
    /// The distance from a place.
    Distance(DistanceCriterion),
}

/// A rule of a search, not yet running.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RuleKind {
    Words,
    Typo,
    Proximity,
    AttributeRank,
    WordPosition,
    ExactAttribute,
    ExactWords,
    Sort(SortCriterion),
    GeoSort(DistanceCriterion),
    Vector(NearFirst),
}

impl RuleKind {
    /// The rule itself.
    pub(crate) fn build<'t>(self, strategy: MatchingStrategy) -> Box<dyn RankingRule<'t> + 't> {
        match self {
            RuleKind::Words => Box::new(GraphRule::new(Words::new(strategy))),
            RuleKind::Typo => Box::new(GraphRule::new(Typo)),
            RuleKind::Proximity => Box::new(GraphRule::new(Proximity)),
            RuleKind::AttributeRank => Box::new(GraphRule::new(AttributeRank)),
            RuleKind::WordPosition => Box::new(GraphRule::new(WordPosition)),
            RuleKind::ExactAttribute => Box::new(ExactAttribute::default()),
            RuleKind::ExactWords => Box::new(GraphRule::new(ExactWords)),
            RuleKind::Sort(criterion) => Box::new(Sort::new(criterion)),
            RuleKind::GeoSort(criterion) => Box::new(GeoSort::new(criterion)),
            RuleKind::Vector(near) => Box::new(VectorSort::new(near)),
        }
    }
}

/// The rules of a search with terms.
pub(crate) fn keyword_rules(
    criteria: &[Criterion],
    sort: &[SortBy],
    strategy: MatchingStrategy,
) -> Vec<RuleKind> {
    let mut list = RuleList { rules: Vec::new(), strategy };
    for criterion in criteria {
        match criterion {
            Criterion::Words => list.add_words(),
            Criterion::Typo => list.add_relevancy([RuleKind::Typo]),
            Criterion::Proximity => list.add_relevancy([RuleKind::Proximity]),
            Criterion::Attribute => {
                // Either half alone already stands for the whole.
                let halves = [RuleKind::AttributeRank, RuleKind::WordPosition];
                if !halves.iter().any(|half| list.rules.contains(half)) {
                    list.add_relevancy(halves);
                }
            }
            Criterion::AttributeRank => list.add_relevancy([RuleKind::AttributeRank]),
            Criterion::WordPosition => list.add_relevancy([RuleKind::WordPosition]),
            Criterion::Exactness => {
                list.add_relevancy([RuleKind::ExactAttribute, RuleKind::ExactWords]);
            }
            Criterion::Sort | Criterion::Asc(_) | Criterion::Desc(_) => {
                list.add_sort(criterion, sort)
            }
        }
    }
    list.rules
}

/// The rules of a search without terms: only what sorts.
pub(crate) fn placeholder_rules(criteria: &[Criterion], sort: &[SortBy]) -> Vec<RuleKind> {
    let mut list = RuleList { rules: Vec::new(), strategy: MatchingStrategy::All };
    for criterion in criteria {
        list.add_sort(criterion, sort);
    }
    list.rules
}

/// The rules of a search by a vector: its nearness takes the place of the first relevancy rule, and
/// the others add nothing.
pub(crate) fn vector_rules(
    criteria: &[Criterion],
    sort: &[SortBy],
    near: NearFirst,
) -> Vec<RuleKind> {
    let mut list = RuleList { rules: Vec::new(), strategy: MatchingStrategy::All };
    let mut near = Some(near);
    for criterion in criteria {
        match criterion {
            Criterion::Sort | Criterion::Asc(_) | Criterion::Desc(_) => {
                list.add_sort(criterion, sort);
            }
            _ => list.rules.extend(near.take().map(RuleKind::Vector)),
        }
    }
    list.rules
}

struct RuleList {
    rules: Vec<RuleKind>,
    strategy: MatchingStrategy,
}

impl RuleList {
    fn add_words(&mut self) {
        if self.strategy != MatchingStrategy::All {
            self.add_once(RuleKind::Words);
        }
    }

    /// Relevancy is only compared between documents that match as many words.
    fn add_relevancy<const N: usize>(&mut self, rules: [RuleKind; N]) {
        self.add_words();
        for rule in rules {
            self.add_once(rule);
        }
    }

    fn add_once(&mut self, rule: RuleKind) {
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }

    /// Adds what a criterion sorts by, if it is one that sorts.
    fn add_sort(&mut self, criterion: &Criterion, sort: &[SortBy]) {
        match criterion {
            Criterion::Sort => {
                for criterion in sort {
                    match criterion {
                        SortBy::Field(criterion) => self.add_field(criterion.clone()),
                        // Places are never too many: each adds its rule.
                        SortBy::Distance(criterion) => {
                            self.rules.push(RuleKind::GeoSort(*criterion))
                        }
                    }
                }
            }
            Criterion::Asc(field) => {
                self.add_field(SortCriterion { field: field.clone(), ascending: true });
            }
            Criterion::Desc(field) => {
                self.add_field(SortCriterion { field: field.clone(), ascending: false });
            }
            _ => {}
        }
    }

    fn add_field(&mut self, criterion: SortCriterion) {
        let is_sorted = |rule: &RuleKind| matches!(rule, RuleKind::Sort(SortCriterion { field, .. }) if *field == criterion.field);
        if !self.rules.iter().any(is_sorted) {
            self.rules.push(RuleKind::Sort(criterion));
        }
    }
}

#[cfg(test)]
mod tests {
    use Criterion as C;
    use RuleKind as R;

    use super::*;
    use crate::document::GeoPoint;

    fn sort(field: &str, ascending: bool) -> SortCriterion {
        SortCriterion { field: field.to_owned(), ascending }
    }

    fn check(criteria: &[C], strategy: MatchingStrategy, expected: &[RuleKind]) {
        let parameter = [sort("b", true), sort("a", false), sort("b", false)].map(SortBy::Field);
        assert_eq!(keyword_rules(criteria, &parameter, strategy), expected, "{criteria:?}");
    }

    #[test]
    fn default_rules() {
        let by = |field, ascending| R::Sort(sort(field, ascending));
        let expected = [
            R::Words,
            R::Typo,
            R::Proximity,
            R::AttributeRank,
            by("b", true),
            by("a", false),
            R::WordPosition,
            R::ExactAttribute,
            R::ExactWords,
        ];
        check(&C::defaults(), MatchingStrategy::Last, &expected);
        check(&C::defaults(), MatchingStrategy::All, &expected[1..]);
        let parameter = [SortBy::Field(sort("b", true))];
        assert_eq!(placeholder_rules(&C::defaults(), &parameter), [by("b", true)]);
    }

    #[test]
    fn the_same_place_may_be_sorted_by_twice() {
        let criterion =
            DistanceCriterion { from: GeoPoint { lat: 1.0, lng: 2.0 }, ascending: true };
        let rules =
            placeholder_rules(&C::defaults(), &[criterion, criterion].map(SortBy::Distance));
        assert_eq!(rules, [R::GeoSort(criterion), R::GeoSort(criterion)]);
    }

    #[test]
    fn words_come_before_the_first_relevancy_rule() {
        let field = |field: &str| field.to_owned();
        check(
            &[C::Desc(field("a")), C::Exactness, C::Words, C::Asc(field("a"))],
            MatchingStrategy::Frequency,
            &[R::Sort(sort("a", false)), R::Words, R::ExactAttribute, R::ExactWords],
        );
    }

    #[test]
    fn attribute_and_its_halves_exclude_each_other() {
        let all = MatchingStrategy::All;
        check(&[C::Attribute, C::WordPosition], all, &[R::AttributeRank, R::WordPosition]);
        check(&[C::WordPosition, C::Attribute], all, &[R::WordPosition]);
        check(&[C::WordPosition, C::AttributeRank], all, &[R::WordPosition, R::AttributeRank]);
    }

    #[test]
    fn a_field_is_sorted_once() {
        let by = |field, ascending| R::Sort(sort(field, ascending));
        check(
            &[C::Sort, C::Asc("a".to_owned()), C::Asc("c".to_owned())],
            MatchingStrategy::All,
            &[by("b", true), by("a", false), by("c", true)],
        );
    }
}
