//! What is told before anything is evaluated: attributes that are not filterable, then features
//! that are off or not built (search.md 13.3, 13.5, 13.6).

use filter_parser::{Expression, Node, Number, Operator, Point, Text};
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::not_implemented::NotImplemented;

use super::FilterError;
use super::error::FilterProblem;
use crate::document::{GEO_FIELD, GEOJSON_FIELD};
use crate::schema::Schema;

/// Names that stand for something other than an attribute.
const VECTORS: &str = "_vectors";
const SHARD: &str = "_shard";

/// Refuses attributes that are not filterable, and places that do not exist.
pub(super) fn attributes(expression: &Expression, schema: &Schema) -> Result<(), FilterError> {
    visit(&expression.root, &mut |node| {
        let refuse = |problem, text: &Text| {
            Err(FilterError::in_place(problem, text.span, &expression.source))
        };
        match node {
            Node::Condition { field, .. } => {
                let exempt = matches!(field.value.as_str(), VECTORS | SHARD);
                if !exempt && !schema.filterable_features(&field.value).is_filterable() {
                    return refuse(not_filterable(&field.value, schema), field);
                }
                Ok(())
            }
            Node::GeoRadius { keyword, .. } | Node::GeoBoundingBox { keyword, .. } => {
                if !schema.is_plainly_filterable(GEO_FIELD)
                    && !schema.is_plainly_filterable(GEOJSON_FIELD)
                {
                    return refuse(not_filterable("_geo/_geojson", schema), keyword);
                }
                places(node, &expression.source)
            }
            Node::GeoPolygon { keyword, .. } => {
                if !schema.is_plainly_filterable(GEOJSON_FIELD) {
                    return refuse(not_filterable(GEOJSON_FIELD, schema), keyword);
                }
                places(node, &expression.source)
            }
            _ => Ok(()),
        }
    })
}

/// Refuses what needs a feature that is off, then what this server does not do yet.
pub(super) fn features(
    expression: &Expression,
    features: &RuntimeTogglableFeatures,
) -> Result<(), FilterError> {
    let need = |enabled: bool, what, feature| {
        if enabled { Ok(()) } else { Err(FilterError::FeatureNotEnabled { what, feature }) }
    };
    visit(&expression.root, &mut |node| match node {
        Node::Condition { operator: Operator::Contains(_), .. } => {
            need(features.contains_filter, "`CONTAINS`", "containsFilter")
        }
        Node::Condition { field, .. } if field.value == SHARD => {
            need(features.network, "`_shard`", "network")?;
            Err(NotImplemented::ShardFilter.into())
        }
        Node::VectorExists { .. } => need(features.multimodal, "`_vectors`", "multimodal"),
        Node::Foreign { .. } => {
            need(features.foreign_keys, "`_foreign`", "foreignKeys")?;
            Err(NotImplemented::ForeignFilter.into())
        }
        _ => Ok(()),
    })
}

/// Calls `check` for every leaf, from left to right. What is inside `_foreign` belongs to another
/// index.
fn visit(
    node: &Node,
    check: &mut impl FnMut(&Node) -> Result<(), FilterError>,
) -> Result<(), FilterError> {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().try_for_each(|node| visit(node, check)),
        Node::Not(node) => visit(node, check),
        leaf => check(leaf),
    }
}

fn not_filterable(attribute: &str, schema: &Schema) -> FilterProblem {
    let filterable = schema
        .filterable
        .iter()
        .filter(|rule| rule.features().is_filterable())
        .flat_map(|rule| rule.names().iter().cloned())
        .collect();
    FilterProblem::NotFilterable { attribute: attribute.to_owned(), filterable }
}

/// Refuses coordinates outside their ranges.
fn places(node: &Node, source: &str) -> Result<(), FilterError> {
    let refuse = |problem, number: &Number| FilterError::in_place(problem, number.span, source);
    let coordinate = |name, number: &Number, limit: f64| {
        if (-limit..=limit).contains(&number.value) {
            return Ok(());
        }
        let (min, max) = (-limit, limit);
        let problem = FilterProblem::CoordinateOutOfRange { name, value: number.value, min, max };
        Err(refuse(problem, number))
    };
    let point = |point: &Point| {
        coordinate("latitude", &point.lat, 90.0)?;
        coordinate("longitude", &point.lng, 180.0)
    };
    match node {
        Node::GeoRadius { center, resolution, .. } => {
            point(center)?;
            match resolution {
                Some(n) if n.value.fract() != 0.0 || !(3.0..=1000.0).contains(&n.value) => {
                    Err(refuse(FilterProblem::ResolutionOutOfRange(n.value), n))
                }
                _ => Ok(()),
            }
        }
        Node::GeoBoundingBox { top_right, bottom_left, .. } => {
            point(top_right)?;
            point(bottom_left)?;
            let (top, bottom) = (top_right.lat.value, bottom_left.lat.value);
            if top < bottom {
                return Err(refuse(FilterProblem::BoxUpsideDown { top, bottom }, &top_right.lat));
            }
            Ok(())
        }
        Node::GeoPolygon { points, .. } => points.iter().try_for_each(point),
        _ => Ok(()),
    }
}
