//! No search makes the server fail: random queries, filters and parameters at a small index are
//! answered, or refused with an error of the client's, never with one of the server's.
//!
//! `PROPTEST_CASES=100000 cargo test -p meilisearch --test http random` runs more of them.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::common::Server;

/// A server with an index whose documents and settings reach most of the engine.
fn server() -> Server {
    let server = Server::start();
    let settings = json!({
        "filterableAttributes": ["tag", "n", "deep", { "attributePatterns": ["x*", "*y"], "features": { "facetSearch": true } }],
        "sortableAttributes": ["n", "tag", "deep.er"],
        "rankingRules": ["words", "typo", "n:desc", "proximity", "attribute", "sort", "exactness"],
        "synonyms": { "cat": ["felis catus", "kitten"], "big dog": ["wolf"] },
        "stopWords": ["the", "of"],
        "distinctAttribute": "group",
        "localizedAttributes": [{ "attributePatterns": ["title"], "locales": ["eng", "jpn"] }],
    });
    server.wait(server.patch("/indexes/i/settings", settings));
    let words = ["cat", "dog", "big", "the", "wolf", "日本語", "Straße", "éclair", "42", "of", "a"];
    let tags = [Value::Null, json!(""), json!(true), json!(1.5)];
    let numbers = [Value::Null, json!(-0.0), json!("5"), Value::Null];
    let documents: Vec<Value> = (0..60usize)
        .map(|id| {
            let word = |step: usize| words[(id * step + step) % words.len()];
            json!({
                "id": id,
                "title": format!("{} {}. {}-{}", word(1), word(3), word(5), word(7)),
                "tag": [word(2), tags[id % 4]],
                "n": if id % 4 == 0 { json!(id) } else { numbers[id % 4].clone() },
                "deep": { "er": [id % 7, { "est": word(4) }], "": {} },
                "group": id % 9,
                "xy": word(6),
            })
        })
        .collect();
    server.wait(server.post("/indexes/i/documents", Value::from(documents)));
    server
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["cat", "dgo", "big", "the", "bigdog", "日本", "strasse", "ecl", "42", "-cat", "\"big dog\"", "\"the", "a-b"]).prop_map(String::from),
        1 => "\\PC{0,12}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec((word(), " {0,2}|[.,-]"), 0..14)
        .prop_map(|words| words.into_iter().map(|(word, gap)| word + &gap).collect())
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["id", "title", "tag", "n", "deep", "deep.er", "deep.er.est", "xy", "group", "*", "none", "_geo", "d*"]).prop_map(String::from),
        1 => "\\PC{0,8}",
    ]
}

fn filter() -> impl Strategy<Value = Value> {
    let value =
        prop_oneof![word(), (-9i32..60).prop_map(|n| n.to_string()), Just("'the cat'".into())];
    let condition = (
        field(),
        prop::sample::select(vec![
            "=",
            "!=",
            ">",
            "<=",
            "EXISTS",
            "IS NULL",
            "IS NOT EMPTY",
            "IN",
            "TO",
            "STARTS WITH",
            "CONTAINS",
        ]),
        value,
    )
        .prop_map(|(field, operator, value)| match operator {
            "EXISTS" | "IS NULL" | "IS NOT EMPTY" => format!("{field} {operator}"),
            "IN" => format!("{field} IN [{value}, 3]"),
            "TO" => format!("{field} {value} TO 30"),
            operator => format!("{field} {operator} {value}"),
        });
    let expression = condition.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} AND {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) OR {b}")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    });
    prop_oneof![
        5 => expression.clone().prop_map(Value::from),
        2 => prop::collection::vec(expression, 0..3).prop_map(|list| json!([list.clone(), list.first()])),
        1 => "\\PC{0,30}".prop_map(Value::from),
        1 => "[a-z=<>!()\\[\\]'\" ]{0,30}".prop_map(Value::from),
    ]
}

fn fields() -> impl Strategy<Value = Value> {
    prop::collection::vec(field(), 0..4).prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![6 => (0u32..40).prop_map(Value::from), 1 => any::<u64>().prop_map(Value::from), 1 => any::<i8>().prop_map(Value::from)]
}

fn parameter() -> impl Strategy<Value = (String, Value)> {
    let named = |names: &[&str]| {
        prop::sample::select(names.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    prop_oneof![
        (Just("q".to_owned()), text().prop_map(Value::from)),
        (Just("filter".to_owned()), filter()),
        (
            named(&[
                "attributesToRetrieve",
                "attributesToHighlight",
                "attributesToSearchOn",
                "facets"
            ]),
            fields()
        ),
        (
            Just("attributesToCrop".to_owned()),
            prop::collection::vec((field(), 0u8..20), 0..3).prop_map(|list| list
                .into_iter()
                .map(|(field, n)| format!("{field}:{n}"))
                .collect())
        ),
        (
            Just("sort".to_owned()),
            prop::collection::vec((field(), "asc|desc|up"), 0..3).prop_map(|list| list
                .into_iter()
                .map(|(field, way)| format!("{field}:{way}"))
                .collect())
        ),
        (named(&["offset", "limit", "page", "hitsPerPage", "cropLength"]), number()),
        (Just("distinct".to_owned()), field().prop_map(Value::from)),
        (Just("matchingStrategy".to_owned()), "last|all|frequency|none".prop_map(Value::from)),
        (Just("rankingScoreThreshold".to_owned()), (-0.2..1.2f64).prop_map(Value::from)),
        (
            named(&[
                "showRankingScore",
                "showRankingScoreDetails",
                "showMatchesPosition",
                "showPerformanceDetails"
            ]),
            any::<bool>().prop_map(Value::from)
        ),
        (
            named(&["cropMarker", "highlightPreTag", "highlightPostTag"]),
            "\\PC{0,4}".prop_map(Value::from)
        ),
        (
            Just("locales".to_owned()),
            prop::collection::vec("eng|jpn|zh|xx", 0..3).prop_map(Value::from)
        ),
    ]
}

/// Sends generated bodies to a route, over one connection, and looks at each answer.
fn check(path: &str, bodies: impl Strategy<Value = Value>, look: impl Fn(u16, &Value) -> bool) {
    let server = server();
    let url = format!("{}{path}", server.url());
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    // `PROPTEST_CASES` replaces the number.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    runner
        .run(&bodies, |body| {
            let mut response =
                agent.post(&url).content_type("application/json").send(body.to_string()).unwrap();
            let status = response.status().as_u16();
            let answer = response.body_mut().read_to_string().unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            prop_assert!(look(status, &answer), "{}: {} {}", body, status, answer);
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_search_is_answered_or_refused() {
    let bodies = prop::collection::vec(parameter(), 0..8)
        .prop_map(|parameters| Value::Object(parameters.into_iter().collect::<Map<_, _>>()));
    check("/indexes/i/search", bodies, |status, answer| match status {
        200 => answer["hits"].is_array(),
        status => (400..500).contains(&status) && answer["code"].is_string(),
    });
}

#[test]
fn every_facet_search_is_answered_or_refused() {
    let bodies = (field(), word(), filter(), text()).prop_map(|(facet, query, filter, q)| {
        json!({ "facetName": facet, "facetQuery": query, "filter": filter, "q": q })
    });
    check("/indexes/i/facet-search", bodies, |status, answer| match status {
        200 => answer["facetHits"].is_array(),
        status => (400..500).contains(&status) && answer["code"].is_string(),
    });
}
