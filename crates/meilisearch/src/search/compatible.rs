//! Whether the rankings of several queries can be merged: at each place all of them compare by
//! relevancy, or all sort in the same direction (search.md 19.2).

use meilisearch_types::error::{Code, ResponseError};
use milli::schema::{Criterion, Schema};
use milli::search::keyword::{SortBy, SortCriterion};

/// What a stretch of ranking rules compares by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Relevancy,
    Ascending,
    Descending,
    NearFirst,
    FarFirst,
}

/// Which of the ranking rules of the settings a query uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// All.
    Words,
    /// Those that sort.
    Placeholder,
    /// Those that sort, and in the place of the first relevancy rule the nearness of vectors.
    Vector,
}

/// The longest ranking seen so far.
#[derive(Debug, Default)]
pub(super) struct Compatibility {
    longest: Vec<Group>,
    /// Place of its query in the request.
    position: usize,
}

impl Compatibility {
    /// Compares the ranking of one more query.
    ///
    /// # Errors
    /// `invalid_multi_search_query_ranking_rules`.
    pub(super) fn add(
        &mut self,
        position: usize,
        schema: &Schema,
        sort: &[SortBy],
        rules: Rules,
    ) -> Result<(), ResponseError> {
        let groups = groups(&schema.criteria, sort, rules);
        let mismatch = groups.iter().zip(&self.longest).position(|(mine, longest)| mine != longest);
        if let Some(at) = mismatch {
            let message = format!(
                "The ranking rules of this query cannot be merged with those of `.queries[{}]`: at place {} one compares {}, the other {}. \
                 Give both indexes the same kinds of rules, or search them apart.",
                self.position,
                at + 1,
                groups[at].describe(),
                self.longest[at].describe(),
            );
            return Err(ResponseError::from_msg(
                message,
                Code::InvalidMultiSearchQueryRankingRules,
            ));
        }
        if groups.len() > self.longest.len() {
            *self = Self { longest: groups, position };
        }
        Ok(())
    }
}

impl Group {
    fn describe(self) -> &'static str {
        match self {
            Group::Relevancy => "by relevancy",
            Group::Ascending => "in ascending order",
            Group::Descending => "in descending order",
            Group::NearFirst => "by distance, the nearest first",
            Group::FarFirst => "by distance, the farthest first",
        }
    }
}

fn groups(criteria: &[Criterion], sort: &[SortBy], rules: Rules) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut sorted: Vec<&str> = Vec::new();
    let mut is_sorted_by_place = false;
    let mut add_sort = |groups: &mut Vec<Group>, field, ascending| {
        if !sorted.contains(&field) {
            sorted.push(field);
            groups.push(if ascending { Group::Ascending } else { Group::Descending });
        }
    };
    for criterion in criteria {
        match criterion {
            Criterion::Sort => {
                for criterion in sort {
                    match criterion {
                        SortBy::Field(SortCriterion { field, ascending }) => {
                            add_sort(&mut groups, field, *ascending);
                        }
                        // Of several places only the first counts.
                        SortBy::Distance(_) if is_sorted_by_place => {}
                        SortBy::Distance(criterion) => {
                            is_sorted_by_place = true;
                            let near_first = criterion.ascending;
                            groups.push(if near_first {
                                Group::NearFirst
                            } else {
                                Group::FarFirst
                            });
                        }
                    }
                }
            }
            Criterion::Asc(field) => add_sort(&mut groups, field, true),
            Criterion::Desc(field) => add_sort(&mut groups, field, false),
            _ if rules == Rules::Placeholder => {}
            // A vector ranks once; another relevancy rule ends what is compared, if a field was
            // sorted by before it.
            _ if rules == Rules::Vector && groups.contains(&Group::Relevancy) => {
                if groups.iter().any(|group| matches!(group, Group::Ascending | Group::Descending))
                {
                    break;
                }
            }
            _ if groups.last() == Some(&Group::Relevancy) => {}
            _ => groups.push(Group::Relevancy),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use milli::document::GeoPoint;
    use milli::geo::DistanceCriterion;

    use super::*;

    #[test]
    fn consecutive_relevancy_rules_are_one_group() {
        let sort = [SortBy::Field(SortCriterion { field: "a".to_owned(), ascending: false })];
        let criteria = Criterion::defaults();
        use Group::*;
        assert_eq!(groups(&criteria, &[], Rules::Words), [Relevancy]);
        assert_eq!(groups(&criteria, &sort, Rules::Words), [Relevancy, Descending, Relevancy]);
        assert_eq!(groups(&criteria, &sort, Rules::Placeholder), [Descending]);
        assert_eq!(groups(&criteria, &sort, Rules::Vector), [Relevancy, Descending]);
        let asc = [Criterion::Asc("a".to_owned()), Criterion::Sort];
        assert_eq!(groups(&asc, &sort, Rules::Placeholder), [Ascending]);
    }

    #[test]
    fn of_several_places_the_first_counts() {
        let by = |ascending| {
            let from = GeoPoint { lat: 0.0, lng: 0.0 };
            SortBy::Distance(DistanceCriterion { from, ascending })
        };
        let groups = groups(&Criterion::defaults(), &[by(true), by(false)], Rules::Placeholder);
        assert_eq!(groups, [Group::NearFirst]);
    }
}
