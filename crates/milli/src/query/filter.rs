//! The `filter` parameter: JSON → parsed expressions → the documents that satisfy them
//! (search.md 13).
//!
//! | File | What |
//! |---|---|
//! | `filter.rs` | the JSON forms, the canonical text |
//! | `filter/check.rs` | attributes and features, before anything is evaluated |
//! | `filter/evaluate.rs` | operators → documents, on the facet trees |
//! | `filter/geo.rs` | places → documents |
//! | `filter/vectors.rs` | embeddings → documents |
//! | `filter/error.rs` | what can be wrong, with the place |

mod check;
mod error;
mod evaluate;
mod geo;
mod vectors;

use filter_parser::{Expression, Node};
use meilisearch_types::features::RuntimeTogglableFeatures;
use roaring::RoaringBitmap;
use serde_json::Value;

pub use error::{FilterError, FilterProblem};

use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RoTxn};

/// A parsed filter: all of its clauses hold, and a clause holds when one of its expressions does.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    clauses: Vec<Vec<Expression>>,
}

impl Filter {
    /// Reads a string, or an array of strings and arrays of strings. Blank strings and empty arrays
    /// are ignored; `None` when nothing is left.
    ///
    /// # Errors
    /// Another JSON type, or an expression that cannot be parsed.
    pub fn from_json(filter: &Value) -> Result<Option<Filter>, FilterError> {
        let clauses = match filter {
            Value::Null => Vec::new(),
            Value::String(expression) => vec![parse_all([expression.as_str()])?],
            Value::Array(clauses) => {
                clauses.iter().enumerate().map(clause).collect::<Result<_, FilterError>>()?
            }
            other => return Err(FilterError::wrong_type(String::new(), other)),
        };
        let clauses: Vec<_> = clauses.into_iter().filter(|clause| !clause.is_empty()).collect();
        Ok((!clauses.is_empty()).then_some(Filter { clauses }))
    }

    /// The same filter as one expression, parsed from its canonical text; errors of the evaluation
    /// then point into that text (search.md 13.7).
    ///
    /// # Errors
    /// The parentheses of the canonical text nest too deep.
    pub fn into_canonical(self) -> Result<Filter, FilterError> {
        let any = |clause: Vec<Expression>| {
            combine(clause.into_iter().map(|expression| expression.root).collect(), Node::Or)
        };
        let root = combine(self.clauses.into_iter().map(any).collect(), Node::And);
        let expression = filter_parser::parse(&root.to_string())?;
        Ok(Filter { clauses: vec![expression.into_iter().collect()] })
    }

    /// The documents that satisfy the filter.
    ///
    /// # Errors
    /// An attribute that is not filterable, an operator that its rule forbids, a feature that is
    /// off or not built, or unreadable storage.
    pub fn evaluate(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        schema: &Schema,
        features: &RuntimeTogglableFeatures,
    ) -> Result<RoaringBitmap> {
        let expressions = || self.clauses.iter().flatten();
        for expression in expressions() {
            check::attributes(expression, schema)?;
        }
        for expression in expressions() {
            check::features(expression, features)?;
        }
        evaluate::Evaluation::new(index, rtxn, schema)?.clauses(&self.clauses)
    }
}

/// One element of the outer array.
fn clause((at, element): (usize, &Value)) -> Result<Vec<Expression>, FilterError> {
    match element {
        Value::String(expression) => parse_all([expression.as_str()]),
        Value::Array(alternatives) => {
            let texts = alternatives.iter().enumerate().map(|(inner, alternative)| {
                alternative
                    .as_str()
                    .ok_or_else(|| FilterError::wrong_type(format!("[{at}][{inner}]"), alternative))
            });
            parse_all(texts.collect::<Result<Vec<_>, _>>()?)
        }
        other => Err(FilterError::wrong_type(format!("[{at}]"), other)),
    }
}

fn parse_all<'a>(
    expressions: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Expression>, FilterError> {
    let parsed = expressions.into_iter().filter_map(|text| filter_parser::parse(text).transpose());
    Ok(parsed.collect::<Result<_, _>>()?)
}

fn combine(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            join(nodes)
        }
    }
}

#[cfg(test)]
mod tests {
    use meilisearch_types::error::{Code, ErrorCode};
    use meilisearch_types::settings::{
        FilterFeatures, FilterableAttributesFeatures, FilterableAttributesPatterns,
        FilterableAttributesRule,
    };
    use serde_json::json;

    use super::*;
    use crate::error::Error;
    use crate::facet::testing::TestIndex;

    /// Seven documents: `price` (numbers, 6 has none and 5 the text `cheap`), `kind` (texts).
    fn test_index() -> (TestIndex, Schema) {
        let test = TestIndex::new();
        test.fields(&["price", "kind", "equal_only", "hidden"], 7);
        test.numbers(0, &[(0.0, &[0]), (-0.0, &[4]), (1.0, &[1, 2]), (2.5, &[2]), (10.0, &[3])]);
        test.strings(0, &[("cheap", &[5])]);
        test.strings(1, &[("Épée", &[0]), ("sword", &[1]), ("Sword of", &[2]), ("10", &[3])]);
        test.strings(2, &[("x", &[1])]);
        let rtxn = test.index.read_txn().unwrap();
        let mut schema = Schema::load(&test.index, &rtxn).unwrap();
        let field = |name: &str| FilterableAttributesRule::Field(name.to_owned());
        schema.filterable = vec![
            field("price"),
            field("kind"),
            field("unknown"),
            FilterableAttributesRule::Pattern(FilterableAttributesPatterns {
                attribute_patterns: vec!["*_only".to_owned()],
                features: FilterableAttributesFeatures {
                    facet_search: false,
                    filter: FilterFeatures { equality: true, comparison: false },
                },
            }),
        ];
        drop(rtxn);
        (test, schema)
    }

    fn evaluate(filter: Value) -> Result<Option<Vec<u32>>> {
        let (test, schema) = test_index();
        let rtxn = test.index.read_txn().unwrap();
        let features = RuntimeTogglableFeatures {
            contains_filter: true,
            ..RuntimeTogglableFeatures::default()
        };
        let Some(filter) = Filter::from_json(&filter)? else { return Ok(None) };
        let direct = filter.evaluate(&test.index, &rtxn, &schema, &features)?;
        let canonical = filter.into_canonical()?;
        assert_eq!(canonical.evaluate(&test.index, &rtxn, &schema, &features)?, direct);
        Ok(Some(direct.iter().collect()))
    }

    #[track_caller]
    fn check(filter: impl Into<Value>, expected: &[u32]) {
        assert_eq!(evaluate(filter.into()).unwrap().unwrap(), expected);
    }

    #[track_caller]
    fn check_error(filter: impl Into<Value>, code: Code) -> String {
        let error = evaluate(filter.into()).unwrap_err();
        assert_eq!(error.error_code(), code, "{error}");
        error.to_string()
    }

    #[test]
    fn equality() {
        check("price = 1", &[1, 2]);
        check("price = 1.0", &[1, 2]);
        check("price = 0", &[0]);
        check("price = -0.0", &[4]);
        check("price = CHEAP", &[5]);
        check("kind = ' É\u{301}pée'", &[]);
        check("kind = 'e\u{301}pe\u{301}e '", &[0]);
        check("kind = 10", &[3]);
        check("price != 1", &[0, 3, 4, 5, 6]);
        check("price IN [10, cheap, 7]", &[3, 5]);
        check("price NOT IN []", &[0, 1, 2, 3, 4, 5, 6]);
        check("price = nan", &[]);
    }

    #[test]
    fn comparison_reaches_numbers_and_strings() {
        check("price > 1", &[2, 3, 5]);
        check("price >= 2.5", &[2, 3, 5]);
        check("price < 1", &[0, 4]);
        check("price <= 1", &[0, 1, 2, 4]);
        check("price > 0", &[1, 2, 3, 4, 5]);
        check("price 1 TO 2.5", &[1, 2]);
        check("price 2 TO 1", &[]);
        check("kind a TO sword", &[0, 1]);
        check("kind > sword", &[2]);
        check("price < dear", &[5]);
    }

    #[test]
    fn text_and_presence() {
        check("kind CONTAINS WOR", &[1, 2]);
        check("kind STARTS WITH swo", &[1, 2]);
        check("kind STARTS WITH ''", &[0, 1, 2, 3]);
        check("kind NOT STARTS WITH e", &[1, 2, 3, 4, 5, 6]);
        check("price EXISTS", &[0, 1, 2, 3, 4, 5]);
        check("price NOT EXISTS", &[6]);
        check("price IS NULL", &[]);
        check("price IS NOT EMPTY", &[0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn json_forms() {
        check(json!(["price > 0", ["kind = sword", "price = 10"]]), &[1, 3]);
        check(json!(["", [], [" "], "price = 10"]), &[3]);
        assert_eq!(evaluate(json!([])).unwrap(), None);
        assert_eq!(evaluate(json!("  ")).unwrap(), None);
        for wrong in
            [json!(12), json!({"a": 1}), json!(["price = 1", 2]), json!([["a = 1", ["b"]]])]
        {
            check_error(wrong, Code::InvalidSearchFilter);
        }
    }

    #[test]
    fn a_field_without_documents_matches_nothing() {
        check("unknown = 1", &[]);
        check("unknown != 1", &[]);
        check("NOT unknown = 1", &[0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn operators_that_a_rule_forbids() {
        check("equal_only = x", &[1]);
        check("equal_only STARTS WITH x", &[1]);
        check_error("equal_only > x", Code::InvalidSearchFilter);
        // Not reached: the left side is empty.
        check("price = 99 AND equal_only > x", &[]);
        check("no_only > x", &[]);
    }

    #[test]
    fn undeclared_attributes_are_told_with_their_place() {
        insta::assert_snapshot!(
            check_error("price = 99 AND hidden = 1", Code::InvalidSearchFilter),
            @r"
        attribute `hidden` is not filterable; filterable attributes and patterns are: `price`, `kind`, `unknown`, `*_only`
        16:21 price = 99 AND hidden = 1
        ");
        check_error("_geoRadius(1, 2, 3)", Code::InvalidSearchFilter);
    }

    #[test]
    fn gated_filters_need_their_feature() {
        let (test, schema) = test_index();
        let rtxn = test.index.read_txn().unwrap();
        let code = |filter: &str| {
            let filter = Filter::from_json(&json!(filter)).unwrap().unwrap();
            let off = RuntimeTogglableFeatures::default();
            match filter.evaluate(&test.index, &rtxn, &schema, &off) {
                Err(Error::Filter(error)) => error.code_on(Code::InvalidDocumentFilter),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(code("kind CONTAINS x"), Code::FeatureNotEnabled);
        assert_eq!(code("hidden CONTAINS x"), Code::InvalidDocumentFilter);
        assert_eq!(code("_vectors EXISTS"), Code::FeatureNotEnabled);
        assert_eq!(code("_shard = a"), Code::FeatureNotEnabled);
        assert_eq!(code("_foreign(a, b = 1)"), Code::FeatureNotEnabled);
    }
}
