//! The JSON patterns of `rest` (vectors.md 8).

use proptest::prelude::*;

use super::*;

/// JSON around a value: nested arrays and objects with other members.
fn around(inner: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let step = (any::<bool>(), 0..3_usize, 0..3_usize);
    (inner, proptest::collection::vec(step, 0..4))
        .prop_map(|(inner, steps)| {
            steps.into_iter().fold(inner, |inner, (in_array, before, after)| match in_array {
                true => {
                    let fill = |count| std::iter::repeat_n(json!("x"), count);
                    fill(before).chain([inner]).chain(fill(after)).collect()
                }
                false => json!({ "a": before, "b": inner, "c": [after] }),
            })
        })
        .boxed()
}

/// A pattern with how many inputs it takes.
fn pattern() -> impl Strategy<Value = (Value, usize)> {
    let single = around(Just(json!(EMBEDDING))).prop_map(|json| (json, 1));
    let array = |item| json!([item, "{{..}}"]);
    let repeated = around(around(Just(json!(EMBEDDING))).prop_map(array));
    prop_oneof![single, (repeated, 0..5_usize)]
}

proptest! {
    #[test]
    fn what_is_put_in_is_found_again((json, count) in pattern()) {
        let pattern = Pattern::parse(&json, EMBEDDING).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let vectors: Vec<Vec<f32>> = (0..count).map(|number| vec![number as f32, 0.5]).collect();
        let inputs: Vec<Value> = vectors.iter().map(|vector| json!(vector)).collect();
        let rendered = pattern.render(&inputs);
        prop_assert!(!rendered.to_string().contains("{{"));
        prop_assert_eq!(pattern.extract(&rendered), Ok(vectors));
        if pattern.arity() == Arity::Single {
            prop_assert_eq!(pattern.render(&[json!(EMBEDDING)]), json);
        }
    }
}

#[test]
fn wrong_patterns() {
    for (json, message) in [
        (json!({ "a": ["{{texts}}", 1] }), "it must contain `{{text}}`"),
        (
            json!({ "a": "{{text}}", "b": [{ "c": "{{text}}" }] }),
            "`{{text}}` may appear only once, but it is both at `a` and at `b[0].c`",
        ),
        (
            json!([["{{text}}", "{{..}}"], "{{text}}"]),
            "`{{text}}` may appear only once, but it is both at `[0][0]` and at `[1]`",
        ),
        (
            json!([["{{text}}", "{{..}}"], ["{{text}}", "{{..}}"]]),
            "`{{text}}` may appear only once, but it is both at `[0][0]` and at `[1][0]`",
        ),
        (
            json!({ "a": "{{..}}" }),
            "`{{..}}` at `a` must be the second element of an array that is not repeated itself",
        ),
        (
            json!(["{{..}}", "{{text}}"]),
            "`{{..}}` at `[0]` must be the second element of an array that is not repeated itself",
        ),
        (
            json!([["{{text}}", "{{..}}"], "{{..}}"]),
            "`{{..}}` at `[0]` must be the second element of an array that is not repeated itself",
        ),
        (
            json!({ "a": [1, "{{..}}"], "b": "{{text}}" }),
            "the first element of the array at `a` is repeated, so it must contain `{{text}}`",
        ),
    ] {
        let error = Pattern::parse(&json, TEXT).unwrap_err();
        assert_eq!(error.to_string(), message, "{json}");
    }
}

#[test]
fn what_follows_a_repeat_is_dropped() -> TestResult {
    let pattern = Pattern::parse(&json!({ "a": ["{{text}}", "{{..}}", 3, 4], "b": 1 }), TEXT)?;
    assert_eq!(pattern.render(&[json!("x")]), json!({ "a": ["x"], "b": 1 }));
    Ok(())
}

#[test]
fn wrong_answers() -> TestResult {
    let pattern = Pattern::parse(&json!({ "a": [{ "v": EMBEDDING }, "{{..}}"] }), EMBEDDING)?;
    let single = Pattern::parse(&json!([0, { "v": EMBEDDING }]), EMBEDDING)?;
    for (pattern, answer, message) in [
        (
            &pattern,
            json!({ "as": [] }),
            "the object at `the root` lacks the key `a`, did you mean `as`?",
        ),
        (&pattern, json!({ "other": 1 }), "the object at `the root` lacks the key `a`"),
        (&pattern, json!([]), "the value at `the root` must be an object, but it is an array"),
        (&pattern, json!({ "a": 1 }), "the value at `a` must be an array, but it is a number"),
        (
            &pattern,
            json!({ "a": [{ "v": [1] }, { "v": "x" }] }),
            "the value at `a[1].v` must be an array, but it is a string",
        ),
        (
            &pattern,
            json!({ "a": [{ "v": [1, null] }] }),
            "the value at `a[0].v[1]` must be a number of 32 bits, but it is null",
        ),
        (&single, json!([1]), "the array at `the root` has no element 1, it has 1 elements"),
    ] {
        assert_eq!(pattern.extract(&answer).unwrap_err().to_string(), message);
    }
    Ok(())
}

#[test]
fn both_patterns_take_as_many() -> TestResult {
    let mock = Mock::start(2)?;
    let mixed = rest_options(&mock, json!("{{text}}"), json!([EMBEDDING, "{{..}}"]));
    let error = embedder(&EmbedderOptions::Rest(mixed)).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::PatternArity);
    let wrong = rest_options(&mock, json!("{{text}}"), json!("{{vector}}"));
    let error = embedder(&EmbedderOptions::Rest(wrong)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "user error: `response` is no pattern: it must contain `{{embedding}}`"
    );
    Ok(())
}
