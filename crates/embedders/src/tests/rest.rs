//! The source `rest`: what is sent and what is understood (vectors.md 8 and 21.2).

use std::collections::BTreeMap;

use super::*;

/// The pairs of vectors.md 21.2.
#[test]
fn wire_pairs() -> TestResult {
    let mock = Mock::start(2)?;
    let options = |request, response| EmbedderOptions::Rest(rest_options(&mock, request, response));
    let single = embedder(&options(json!("{{text}}"), json!("{{embedding}}")))?;
    mock.push([ok(json!([1, 0])), ok(json!([1, 0]))]);
    assert_eq!(single.embed_documents(&texts(["x", "y"]), &FOREVER)?, [[1.0, 0.0]; 2]);
    let mut sent = bodies(&mock.take_requests());
    sent.sort();
    assert_eq!(sent, [r#""x""#, r#""y""#]);
    assert_eq!(single.group_size(), 40);

    let inside = options(
        json!({ "in": ["{{text}}"], "m": 1 }),
        json!({ "out": [{ "v": "{{embedding}}" }] }),
    );
    mock.push([ok(json!({ "out": [{ "v": [1, 0], "n": 9 }], "took": 3 }))]);
    let vectors = embedder(&inside)?.embed_documents(&texts(["x"]), &FOREVER)?;
    assert_eq!(vectors, [[1.0, 0.0]]);
    assert_eq!(bodies(&mock.take_requests()), [r#"{"in":["x"],"m":1}"#]);

    let repeated = options(
        json!({ "in": [{ "s": "{{text}}" }, "{{..}}"] }),
        json!({ "out": ["{{embedding}}", "{{..}}"] }),
    );
    let repeated = embedder(&repeated)?;
    mock.push([ok(json!({ "out": [[1, 0], [0, 1]] }))]);
    let vectors = repeated.embed_documents(&texts(["x", "y"]), &FOREVER)?;
    assert_eq!(vectors, [[1.0, 0.0], [0.0, 1.0]]);
    assert_eq!(bodies(&mock.take_requests()), [r#"{"in":[{"s":"x"},{"s":"y"}]}"#]);
    assert_eq!(repeated.group_size(), 400);
    Ok(())
}

#[test]
fn fragments_take_the_place_of_the_placeholder() -> TestResult {
    let mock = Mock::start(2)?;
    let request = json!({ "c": ["{{fragment}}", "{{..}}"] });
    let fragments = BTreeMap::from([("pic".to_owned(), json!({ "img": "{{doc.url}}" }))]);
    let rest = rest_options(&mock, request, json!({ "out": ["{{embedding}}", "{{..}}"] }));
    let rest = RestOptions { indexing_fragments: fragments, ..rest };
    let options = EmbedderOptions::Rest(rest.clone());
    mock.push([ok(json!({ "out": [[1, 0], [0, 1]] }))]);
    let inputs = [Input::Fragment(json!({ "img": "u" })), Input::Fragment(json!("x"))];
    embedder(&options)?.embed_documents(&inputs, &FOREVER)?;
    assert_eq!(bodies(&mock.requests()), [r#"{"c":[{"img":"u"},"x"]}"#]);

    let options = EmbedderOptions::Rest(RestOptions { dimensions: None, ..rest });
    let error = embedder(&options).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::FragmentsWithoutDimensions);
    Ok(())
}

/// Of a query the one fragment that fits is sent; none or several are an error, and nothing is sent.
#[test]
fn the_fragment_that_fits_a_query() -> TestResult {
    let mock = Mock::start(2)?;
    let fragments = [
        ("both", json!({ "t": "{{q}}", "u": "{{media.both}}" })),
        ("pic", json!({ "img": "{{media.u}}", "n": 1 })),
        ("txt", json!("find {{q}}")),
    ];
    let fragments = fragments.map(|(name, value)| (name.to_owned(), value));
    let request = json!({ "input": ["{{fragment}}", "{{..}}"] });
    let rest = rest_options(&mock, request, json!({ "output": ["{{embedding}}", "{{..}}"] }));
    let rest = RestOptions { search_fragments: fragments.into(), ..rest };
    let pool = pool_with(10, Environment::default());
    let embedder = pool.get(&EmbedderOptions::Rest(rest), &FOREVER)?;
    let embed = |text: Option<&str>, media: Option<Value>| {
        let query = QueryInput { text, media: media.as_ref() };
        let vector = embedder.embed_query(query, &FOREVER);
        vector.map(|_| bodies(&mock.take_requests())).map_err(|error| error.kind)
    };
    assert_eq!(embed(Some("x"), None)?, [r#"{"input":["find x"]}"#]);
    assert_eq!(embed(None, Some(json!({ "u": "z" })))?, [r#"{"input":[{"img":"z","n":1}]}"#]);
    assert_eq!(embed(None, Some(json!({ "u": "y" })))?, [r#"{"input":[{"img":"y","n":1}]}"#]);
    let refused = |text, media, names: &[&str]| {
        let matching = names.iter().map(ToString::to_string).collect();
        assert_eq!(embed(text, media), Err(EmbeddingErrorKind::FragmentMatch { matching }));
    };
    refused(Some("x"), Some(json!({ "u": "z" })), &["pic", "txt"]);
    refused(Some("x"), Some(json!({ "u": "z", "both": 1 })), &["both", "pic", "txt"]);
    refused(None, Some(json!({ "both": 1 })), &[]);
    refused(None, None, &[]);
    assert!(mock.requests().is_empty());
    // Only queries without media are remembered.
    assert!(embed(Some("x"), None)?.is_empty());
    Ok(())
}

/// 25 texts: requests of 10, 10 and 5, whose vectors come in the order of the texts.
#[test]
fn inputs_are_cut_into_requests() -> TestResult {
    let mock = Mock::start(2)?;
    let inputs: Vec<String> = (0..25).map(|number| format!("text {number}")).collect();
    let counters = RequestCounters::default();
    let context = RequestContext { counters: Some(&counters), ..FOREVER };
    let vectors = embedder(&repeated(&mock))?.embed_documents(&texts(&inputs), &context)?;
    let expected: Vec<_> = inputs.iter().map(|text| embedder_mock::vector(text, 2)).collect();
    assert_eq!(vectors, expected);
    let length = |request: &Request| request.json()["input"].as_array().map_or(0, Vec::len);
    let mut lengths: Vec<usize> = mock.requests().iter().map(length).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [5, 10, 10]);
    let stats = counters.stats();
    assert_eq!((stats.total, stats.failed, stats.last_error), (3, 0, None));
    Ok(())
}

#[test]
fn headers() -> TestResult {
    let mock = Mock::start(2)?;
    let EmbedderOptions::Rest(options) = repeated(&mock) else { unreachable!() };
    let headers = [("x-b", "2"), ("X-A", "1"), ("Content-Type", "text/plain")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = RestOptions { api_key: Some("k".to_owned()), headers: headers.into(), ..options };
    embedder(&EmbedderOptions::Rest(options))?.embed_query(query("x"), &FOREVER)?;
    let requests = mock.requests();
    let request = requests.first().ok_or("nothing was sent")?;
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/embed"));
    assert_eq!(request.header("authorization").collect::<Vec<_>>(), ["Bearer k"]);
    let types: Vec<_> = request.header("content-type").collect();
    assert_eq!(types, ["application/json", "text/plain"], "headers are added");
    let ours: Vec<_> = request.headers.iter().filter(|(name, _)| name.starts_with("x-")).collect();
    let expected = [("x-a".to_owned(), "1".to_owned()), ("x-b".to_owned(), "2".to_owned())];
    assert_eq!(ours, expected.iter().collect::<Vec<_>>());
    Ok(())
}
