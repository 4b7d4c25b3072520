//! The syntax tree of a filter. Every leaf remembers where it stands in the source, so that later
//! stages can point at it; the position plays no part in comparing leaves.

/// A part of the source, as a range of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

/// A field name or a value: its decoded text, and its place (quotes included).
#[derive(Debug, Clone, Eq)]
pub struct Text {
    /// The text without quotes, escapes decoded.
    pub value: String,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A finite number of a geo filter.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// The number.
    pub value: f64,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A place on Earth, in degrees. The ranges are not checked by the parser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Latitude.
    pub lat: Number,
    /// Longitude.
    pub lng: Number,
}

/// A parsed filter together with the text it was parsed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// The text that the spans of `root` refer to.
    pub source: String,
    /// The tree.
    pub root: Node,
}

/// One node of the syntax tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// All of them hold; two or more.
    And(Vec<Node>),
    /// At least one of them holds; two or more.
    Or(Vec<Node>),
    /// It does not hold. Never holds another `Not` directly: double negations collapse.
    Not(Box<Node>),
    /// A test of the values of a field.
    Condition {
        /// Name of the field.
        field: Text,
        /// The test.
        operator: Operator,
    },
    /// `_vectors… EXISTS`: documents having embeddings.
    VectorExists {
        /// The word `_vectors`.
        keyword: Text,
        /// Which embeddings count.
        scope: VectorScope,
    },
    /// `_geoRadius(lat, lng, metres[, resolution])`.
    GeoRadius {
        /// The word `_geoRadius`.
        keyword: Text,
        /// Centre of the circle.
        center: Point,
        /// Radius in metres.
        radius: Number,
        /// Number of corners of the polygon that stands for the circle.
        resolution: Option<Number>,
    },
    /// `_geoBoundingBox([top, right], [bottom, left])`.
    GeoBoundingBox {
        /// The word `_geoBoundingBox`.
        keyword: Text,
        /// First corner.
        top_right: Point,
        /// Opposite corner.
        bottom_left: Point,
    },
    /// `_geoPolygon([lat, lng], …)`.
    GeoPolygon {
        /// The word `_geoPolygon`.
        keyword: Text,
        /// The corners; three or more.
        points: Vec<Point>,
    },
    /// `_foreign(field, filter)`: the field refers to a document of another index for which the
    /// filter holds.
    Foreign {
        /// The word `_foreign`.
        keyword: Text,
        /// The foreign key.
        field: Text,
        /// What must hold of the foreign document.
        filter: Box<Node>,
    },
}

/// The test of a [`Node::Condition`].
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// `= v`
    Equal(Text),
    /// `!= v`
    NotEqual(Text),
    /// `> v`
    GreaterThan(Text),
    /// `>= v`
    GreaterThanOrEqual(Text),
    /// `< v`
    LowerThan(Text),
    /// `<= v`
    LowerThanOrEqual(Text),
    /// `from TO to`, both included.
    Between {
        /// Lower bound.
        from: Text,
        /// Upper bound.
        to: Text,
    },
    /// `IN [a, b]`; an empty list is allowed.
    In(Vec<Text>),
    /// `EXISTS`
    Exists,
    /// `IS NULL`
    Null,
    /// `IS EMPTY`
    Empty,
    /// `CONTAINS v`
    Contains(Text),
    /// `STARTS WITH v`
    StartsWith(Text),
}

/// Which embeddings a [`Node::VectorExists`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VectorScope {
    /// `_vectors`: of any embedder.
    Any,
    /// `_vectors.E`: of this embedder.
    Embedder(Text),
    /// `_vectors.E.userProvided`: given by the user.
    UserProvided(Text),
    /// `_vectors.E.documentTemplate`: made from the document template.
    DocumentTemplate(Text),
    /// `_vectors.E.regenerate`: made anew when the document changes.
    Regenerate(Text),
    /// `_vectors.E.fragments.F`: made from this fragment.
    Fragment {
        /// Name of the embedder.
        embedder: Text,
        /// Name of the fragment.
        fragment: Text,
    },
}
