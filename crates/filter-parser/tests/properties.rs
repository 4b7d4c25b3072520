//! Properties over random text and random trees.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use filter_parser::{Node, Number, Operator, Point, Span, Text, VectorScope, parse};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        "[a-z]{1,4}",
        "[ -~]{0,6}",
        "\\PC{0,6}",
        "[\\x00-\\x1f\"'\\\\]{0,4}",
        Just("AND".into())
    ]
    .prop_map(|value| Text { value, span: Span::default() })
}

fn number() -> impl Strategy<Value = Number> {
    (-1e12..1e12f64).prop_map(|value| Number { value, span: Span::default() })
}

fn point() -> impl Strategy<Value = Point> {
    (number(), number()).prop_map(|(lat, lng)| Point { lat, lng })
}

fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![
        text().prop_map(Operator::Equal),
        text().prop_map(Operator::NotEqual),
        text().prop_map(Operator::GreaterThan),
        text().prop_map(Operator::GreaterThanOrEqual),
        text().prop_map(Operator::LowerThan),
        text().prop_map(Operator::LowerThanOrEqual),
        (text(), text()).prop_map(|(from, to)| Operator::Between { from, to }),
        prop::collection::vec(text(), 0..4).prop_map(Operator::In),
        Just(Operator::Exists),
        Just(Operator::Null),
        Just(Operator::Empty),
        text().prop_map(Operator::Contains),
        text().prop_map(Operator::StartsWith),
    ]
}

fn leaf() -> impl Strategy<Value = Node> {
    let keyword = || Text { value: String::new(), span: Span::default() };
    let named = move |value: &str| Text { value: value.to_owned(), ..keyword() };
    prop_oneof![
        8 => (text(), operator()).prop_map(|(field, operator)| Node::Condition { field, operator }),
        1 => (point(), number(), prop::option::of(number())).prop_map(move |(center, radius, resolution)| {
            Node::GeoRadius { keyword: named("_geoRadius"), center, radius, resolution }
        }),
        1 => (point(), point()).prop_map(move |(top_right, bottom_left)| {
            Node::GeoBoundingBox { keyword: named("_geoBoundingBox"), top_right, bottom_left }
        }),
        1 => prop::collection::vec(point(), 3..5).prop_map(move |points| {
            Node::GeoPolygon { keyword: named("_geoPolygon"), points }
        }),
        1 => (text(), text()).prop_map(move |(embedder, fragment)| Node::VectorExists {
            keyword: named("_vectors"),
            scope: VectorScope::Fragment { embedder, fragment },
        }),
    ]
}

fn tree() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::Or),
            inner.clone().prop_map(|node| match node {
                Node::Not(inner) => *inner,
                node => Node::Not(Box::new(node)),
            }),
            (text(), inner).prop_map(|(field, filter)| Node::Foreign {
                keyword: Text { value: "_foreign".into(), span: Span::default() },
                field,
                filter: Box::new(filter),
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_answered(source in "\\PC{0,60}") {
        let _ = parse(&source);
    }

    #[test]
    fn any_mix_of_pieces_is_answered(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "a", " ", "AND", "OR", "NOT", "IN", "[", "]", ",", "(", ")", "TO", "=", "!=", "<", "'",
            "\"", "\\", "\\u", "EXISTS", "IS", "NULL", "CONTAINS", "STARTS WITH", "_geoRadius(",
            "_geoBoundingBox(", "_geoPolygon(", "_vectors", ".", "_foreign(", "1", "é", "{", "}",
        ]),
        0..24,
    )) {
        let source = pieces.concat();
        if let Err(error) = parse(&source) {
            let (start, end) = error.position();
            prop_assert!(1 <= start && start <= end && end <= source.chars().count() + 1);
        }
    }

    #[test]
    fn canonical_text_parses_back_to_the_same_tree(root in tree()) {
        let canonical = root.to_string();
        let again = parse(&canonical).unwrap().unwrap();
        prop_assert_eq!(&again.root, &root);
        prop_assert_eq!(again.root.to_string(), canonical);
    }
}
