//! Syntax tree → canonical text (search.md 13.7): every name and value quoted, every operand of
//! `AND`, `OR` and `NOT` in parentheses.

use std::fmt::{self, Display, Formatter, Write};

use crate::{Node, Number, Operator, Point, Text, VectorScope};

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Node::And(nodes) => join(f, nodes, " AND ", |f, node| write!(f, "({node})")),
            Node::Or(nodes) => join(f, nodes, " OR ", |f, node| write!(f, "({node})")),
            Node::Not(node) => write!(f, "NOT ({node})"),
            Node::Condition { field, operator } => write!(f, "{field} {operator}"),
            Node::VectorExists { scope, .. } => write!(f, "_vectors{scope} EXISTS"),
            Node::GeoRadius { center, radius, resolution, .. } => {
                write!(f, "_geoRadius({}, {}, {radius}", center.lat, center.lng)?;
                if let Some(resolution) = resolution {
                    write!(f, ", {resolution}")?;
                }
                f.write_char(')')
            }
            Node::GeoBoundingBox { top_right, bottom_left, .. } => {
                write!(f, "_geoBoundingBox({top_right}, {bottom_left})")
            }
            Node::GeoPolygon { points, .. } => {
                f.write_str("_geoPolygon(")?;
                join(f, points, ", ", |f, point| point.fmt(f))?;
                f.write_char(')')
            }
            Node::Foreign { field, filter, .. } => write!(f, "_foreign({field}, {filter})"),
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Operator::Equal(value) => write!(f, "= {value}"),
            Operator::NotEqual(value) => write!(f, "!= {value}"),
            Operator::GreaterThan(value) => write!(f, "> {value}"),
            Operator::GreaterThanOrEqual(value) => write!(f, ">= {value}"),
            Operator::LowerThan(value) => write!(f, "< {value}"),
            Operator::LowerThanOrEqual(value) => write!(f, "<= {value}"),
            Operator::Between { from, to } => write!(f, "{from} TO {to}"),
            Operator::In(values) => {
                f.write_str("IN [")?;
                join(f, values, ", ", |f, value| value.fmt(f))?;
                f.write_char(']')
            }
            Operator::Exists => f.write_str("EXISTS"),
            Operator::Null => f.write_str("IS NULL"),
            Operator::Empty => f.write_str("IS EMPTY"),
            Operator::Contains(value) => write!(f, "CONTAINS {value}"),
            Operator::StartsWith(value) => write!(f, "STARTS WITH {value}"),
        }
    }
}

impl Display for VectorScope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            VectorScope::Any => Ok(()),
            VectorScope::Embedder(embedder) => write!(f, ".{embedder}"),
            VectorScope::UserProvided(embedder) => write!(f, ".{embedder}.userProvided"),
            VectorScope::DocumentTemplate(embedder) => write!(f, ".{embedder}.documentTemplate"),
            VectorScope::Regenerate(embedder) => write!(f, ".{embedder}.regenerate"),
            VectorScope::Fragment { embedder, fragment } => {
                write!(f, ".{embedder}.fragments.{fragment}")
            }
        }
    }
}

impl Display for Point {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.lat, self.lng)
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// As a JSON string.
impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.value.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

fn join<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    Ok(())
}
