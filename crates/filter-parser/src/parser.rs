//! Recursive descent over the grammar of search.md 13.2. One method a rule; the alternatives of
//! `primary` are tried in the order of the chapter.

use crate::error::ParseErrorKind;
use crate::value::is_word_char;
use crate::{MAX_DEPTH, Node, Operator, Point, Span, Text, VectorScope};

/// Makes the operator of a test out of its one value.
type WithValue = fn(Text) -> Operator;

/// An error and its place.
pub(crate) type Failure = (ParseErrorKind, Span);

const RADIUS_FORM: &str = "_geoRadius(lat, lng, metres)";
const BOX_FORM: &str = "_geoBoundingBox([lat, lng], [lat, lng])";
const POLYGON_FORM: &str = "_geoPolygon([lat, lng], [lat, lng], [lat, lng])";

/// The text, and how much of it has been read.
#[derive(Clone)]
pub(crate) struct Parser<'a> {
    pub(crate) source: &'a str,
    pub(crate) position: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, position: 0 }
    }

    /// `filter`: a whole expression.
    pub(crate) fn parse(mut self) -> Result<Node, Failure> {
        let root = self.or(1)?;
        self.skip_space();
        if self.peek().is_some() {
            return Err(self.unexpected(|found| ParseErrorKind::UnexpectedText { found }));
        }
        Ok(root)
    }

    fn check_depth(&self, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            let span = Span { start: self.position, end: self.position };
            return Err((ParseErrorKind::TooDeep, span));
        }
        Ok(())
    }

    fn or(&mut self, depth: usize) -> Result<Node, Failure> {
        self.check_depth(depth)?;
        self.joined("OR", Node::Or, |parser| parser.and(depth + 1))
    }

    fn and(&mut self, depth: usize) -> Result<Node, Failure> {
        self.check_depth(depth)?;
        self.joined("AND", Node::And, |parser| parser.not(depth + 1))
    }

    /// One or more operands between which `keyword` stands.
    fn joined(
        &mut self,
        keyword: &str,
        join: fn(Vec<Node>) -> Node,
        mut operand: impl FnMut(&mut Self) -> Result<Node, Failure>,
    ) -> Result<Node, Failure> {
        let first = operand(self)?;
        let mut operands = vec![first];
        loop {
            self.skip_space();
            if !self.take_word(keyword) {
                break;
            }
            operands.push(operand(self)?);
        }
        match operands.pop() {
            Some(only) if operands.is_empty() => Ok(only),
            last => {
                operands.extend(last);
                Ok(join(operands))
            }
        }
    }

    fn not(&mut self, depth: usize) -> Result<Node, Failure> {
        self.check_depth(depth)?;
        self.skip_space();
        if self.take_word("NOT") {
            return Ok(negate(self.not(depth + 1)?));
        }
        self.primary(depth + 1)
    }

    fn primary(&mut self, depth: usize) -> Result<Node, Failure> {
        self.check_depth(depth)?;
        self.skip_space();
        let start = self.position;
        if self.take("(") {
            let inner = self.or(depth + 1)?;
            self.skip_space();
            if !self.take(")") {
                return Err(self.unexpected(|found| ParseErrorKind::UnclosedParenthesis { found }));
            }
            return Ok(inner);
        }
        if self.take("_geoRadius(") {
            return self.geo_radius(self.keyword(start));
        }
        if self.take("_geoBoundingBox(") {
            return self.geo_bounding_box(self.keyword(start));
        }
        if self.take("_geoPolygon(") {
            return self.geo_polygon(self.keyword(start));
        }
        if let Some(node) = self.vector_exists() {
            return Ok(node);
        }
        if self.take("_foreign(") {
            return self.foreign(self.keyword(start), depth);
        }
        self.condition()
    }

    /// The name that opens a special filter; the parser stands behind its parenthesis.
    fn keyword(&self, start: usize) -> Text {
        let span = Span { start, end: self.position - 1 };
        let value = self.source.get(span.start..span.end).unwrap_or_default().to_owned();
        Text { value, span }
    }

    fn condition(&mut self) -> Result<Node, Failure> {
        if !self.peek().is_some_and(|c| is_word_char(c) || matches!(c, '"' | '\'')) {
            return Err(self.unexpected(|found| ParseErrorKind::MissingCondition { found }));
        }
        let field = self.value()?;
        let (negated, operator) = self.operator(&field)?;
        let condition = Node::Condition { field, operator };
        Ok(if negated { negate(condition) } else { condition })
    }

    /// The test behind a field, and whether it is negated.
    fn operator(&mut self, field: &Text) -> Result<(bool, Operator), Failure> {
        if self.take_word("IN") {
            return Ok((false, Operator::In(self.list()?)));
        }
        let negated_list = self.attempt(|parser| {
            parser.take_word("NOT").then_some(())?;
            parser.skip_space();
            parser.take_word("IN").then_some(())
        });
        if negated_list.is_some() {
            return Ok((true, Operator::In(self.list()?)));
        }
        let comparisons: [(&str, WithValue); 6] = [
            ("<=", Operator::LowerThanOrEqual),
            (">=", Operator::GreaterThanOrEqual),
            ("!=", Operator::NotEqual),
            ("<", Operator::LowerThan),
            (">", Operator::GreaterThan),
            ("=", Operator::Equal),
        ];
        for (sign, operator) in comparisons {
            if self.take(sign) {
                return Ok((false, operator(self.value()?)));
            }
        }
        if let Some(test) = self.attempt(Self::unary_test) {
            return Ok(test);
        }
        if let Some(range) = self.attempt(Self::range) {
            return Ok((false, range));
        }
        if let Some((negated, operator)) = self.attempt(Self::text_test) {
            return Ok((negated, operator(self.value()?)));
        }
        Err(self.unexpected(|found| ParseErrorKind::MissingOperator {
            field: field.value.clone(),
            found,
        }))
    }

    /// Runs `rule`; what it read is given back when it fails.
    fn attempt<T>(&mut self, rule: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let start = self.position;
        let result = rule(self);
        if result.is_none() {
            self.position = start;
        }
        result
    }

    /// `IS [NOT] NULL`, `IS [NOT] EMPTY`, `[NOT] EXISTS`.
    fn unary_test(&mut self) -> Option<(bool, Operator)> {
        if self.take("IS") {
            self.skip_space().then_some(())?;
            let negated = self.attempt(|parser| {
                parser.take("NOT").then_some(())?;
                parser.skip_space().then_some(())
            });
            let operator = if self.take("NULL") {
                Operator::Null
            } else {
                self.take("EMPTY").then_some(Operator::Empty)?
            };
            return Some((negated.is_some(), operator));
        }
        let negated = self.negated();
        self.take("EXISTS").then_some((negated, Operator::Exists))
    }

    /// `NOT` and the white space that it needs behind it, if they stand here.
    fn negated(&mut self) -> bool {
        self.attempt(|parser| (parser.take("NOT") && parser.skip_space()).then_some(())).is_some()
    }

    /// `from TO to`.
    fn range(&mut self) -> Option<Operator> {
        let from = self.value().ok()?;
        (self.take("TO") && self.skip_space()).then_some(())?;
        let to = self.value().ok()?;
        Some(Operator::Between { from, to })
    }

    /// `[NOT] CONTAINS`, `[NOT] STARTS WITH`; the value is still to come.
    fn text_test(&mut self) -> Option<(bool, WithValue)> {
        let negated = self.negated();
        if self.take("CONTAINS") {
            return Some((negated, Operator::Contains));
        }
        self.take("STARTS WITH").then_some((negated, Operator::StartsWith as WithValue))
    }

    fn list(&mut self) -> Result<Vec<Text>, Failure> {
        self.skip_space();
        if !self.take("[") {
            return Err(self.unexpected(|found| ParseErrorKind::MissingList { found }));
        }
        let mut values = Vec::new();
        loop {
            self.skip_space();
            if self.take("]") {
                return Ok(values);
            }
            if self.peek().is_none() {
                return Err(self.unexpected(|found| ParseErrorKind::UnclosedList { found }));
            }
            values.push(self.value()?);
            if !self.take(",") && self.peek() != Some(']') {
                return Err(self.unexpected(|found| ParseErrorKind::UnclosedList { found }));
            }
        }
    }

    fn geo_radius(&mut self, keyword: Text) -> Result<Node, Failure> {
        let lat = self.number()?;
        self.geo_sign("_geoRadius", RADIUS_FORM, ',')?;
        let lng = self.number()?;
        self.geo_sign("_geoRadius", RADIUS_FORM, ',')?;
        let radius = self.number()?;
        let resolution = if self.take(",") { Some(self.number()?) } else { None };
        self.geo_sign("_geoRadius", RADIUS_FORM, ')')?;
        Ok(Node::GeoRadius { keyword, center: Point { lat, lng }, radius, resolution })
    }

    fn geo_bounding_box(&mut self, keyword: Text) -> Result<Node, Failure> {
        let top_right = self.pair("_geoBoundingBox", BOX_FORM)?;
        self.geo_sign("_geoBoundingBox", BOX_FORM, ',')?;
        let bottom_left = self.pair("_geoBoundingBox", BOX_FORM)?;
        self.geo_sign("_geoBoundingBox", BOX_FORM, ')')?;
        Ok(Node::GeoBoundingBox { keyword, top_right, bottom_left })
    }

    fn geo_polygon(&mut self, keyword: Text) -> Result<Node, Failure> {
        let mut points = vec![self.pair("_geoPolygon", POLYGON_FORM)?];
        while self.take(",") {
            self.skip_space();
            if self.peek() == Some(')') {
                break;
            }
            points.push(self.pair("_geoPolygon", POLYGON_FORM)?);
        }
        self.geo_sign("_geoPolygon", POLYGON_FORM, ')')?;
        if points.len() < 3 {
            let span = Span { start: keyword.span.start, end: self.position };
            return Err((ParseErrorKind::TooFewPoints(points.len()), span));
        }
        Ok(Node::GeoPolygon { keyword, points })
    }

    fn pair(&mut self, filter: &'static str, form: &'static str) -> Result<Point, Failure> {
        self.geo_sign(filter, form, '[')?;
        let lat = self.number()?;
        self.geo_sign(filter, form, ',')?;
        let lng = self.number()?;
        self.geo_sign(filter, form, ']')?;
        self.skip_space();
        Ok(Point { lat, lng })
    }

    fn geo_sign(
        &mut self,
        filter: &'static str,
        form: &'static str,
        expected: char,
    ) -> Result<(), Failure> {
        self.skip_space();
        if self.peek() != Some(expected) {
            return Err(self.unexpected(|found| ParseErrorKind::InvalidGeo {
                filter,
                form,
                expected,
                found,
            }));
        }
        self.position += expected.len_utf8();
        Ok(())
    }

    /// `_vectors… [NOT] EXISTS`. Whatever else begins with `_vectors` is read as a field name.
    fn vector_exists(&mut self) -> Option<Node> {
        self.attempt(|parser| {
            let start = parser.position;
            parser.take("_vectors").then_some(())?;
            let span = Span { start, end: parser.position };
            let keyword = Text { value: "_vectors".to_owned(), span };
            let scope = parser.vector_scope()?;
            parser.skip_space().then_some(())?;
            let negated = parser.negated();
            parser.take("EXISTS").then_some(())?;
            let node = Node::VectorExists { keyword, scope };
            Some(if negated { negate(node) } else { node })
        })
    }

    fn vector_scope(&mut self) -> Option<VectorScope> {
        if !self.take(".") {
            return Some(VectorScope::Any);
        }
        let embedder = self.vector_name()?;
        if self.take(".fragments.") {
            return Some(VectorScope::Fragment { embedder, fragment: self.vector_name()? });
        }
        let scope = if self.take_word(".userProvided") {
            VectorScope::UserProvided
        } else if self.take_word(".documentTemplate") {
            VectorScope::DocumentTemplate
        } else if self.take_word(".regenerate") {
            VectorScope::Regenerate
        } else {
            VectorScope::Embedder
        };
        Some(scope(embedder))
    }

    /// Name of an embedder or a fragment: a word without `.`, or a quoted text.
    fn vector_name(&mut self) -> Option<Text> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.quoted(quote).ok();
        }
        let start = self.position;
        let value = self.take_while(|c| is_word_char(c) && c != '.');
        let span = Span { start, end: self.position };
        (!value.is_empty()).then(|| Text { value: value.to_owned(), span })
    }

    fn foreign(&mut self, keyword: Text, depth: usize) -> Result<Node, Failure> {
        let field = self.value()?;
        if !self.take(",") {
            return Err(
                self.unexpected(|found| ParseErrorKind::InvalidForeign { expected: ',', found })
            );
        }
        // The chapter counts three levels for it, one fewer than for a parenthesis.
        let filter = Box::new(self.or(depth)?);
        self.skip_space();
        if !self.take(")") {
            return Err(
                self.unexpected(|found| ParseErrorKind::InvalidForeign { expected: ')', found })
            );
        }
        Ok(Node::Foreign { keyword, field, filter })
    }
}

/// The contrary of a node; two negations cancel.
fn negate(node: Node) -> Node {
    match node {
        Node::Not(inner) => *inner,
        node => Node::Not(Box::new(node)),
    }
}
