//! The source `openAi` (vectors.md 10).

use super::*;

/// The first pair of vectors.md 21.2.
#[test]
fn wire_pair() -> TestResult {
    let mock = Mock::start(2)?;
    let data = json!([{ "index": 0, "embedding": [1, 0] }, { "index": 1, "embedding": [0, 1] }]);
    mock.push([ok(json!({ "object": "list", "data": data }))]);
    let embedder = embedder(&open_ai_options(&mock, Some(2)))?;
    assert_eq!((embedder.dimensions(), embedder.group_size()), (2, 400));
    let vectors = embedder.embed_documents(&texts(["alpha", "beta"]), &FOREVER)?;
    assert_eq!(vectors, [[1.0, 0.0], [0.0, 1.0]]);
    let requests = mock.requests();
    let body = r#"{"model":"text-embedding-3-small","input":["alpha","beta"],"dimensions":2}"#;
    assert_eq!(bodies(&requests), [body]);
    assert_eq!(requests[0].path, "/v1/embeddings");
    assert_eq!(requests[0].header("authorization").collect::<Vec<_>>(), ["Bearer k"]);
    Ok(())
}

#[test]
fn dimensions_are_asked_for_only_when_set() -> TestResult {
    let mock = Mock::start(1536)?;
    let embedder = embedder(&open_ai_options(&mock, None))?;
    assert!(mock.requests().is_empty(), "the model tells the dimensions");
    assert_eq!(embedder.embed_query(query("a"), &FOREVER)?.len(), 1536);
    assert_eq!(bodies(&mock.requests()), [r#"{"model":"text-embedding-3-small","input":["a"]}"#]);
    Ok(())
}

#[test]
fn a_bad_request_is_made_again_text_by_text() -> TestResult {
    let mock = Mock::with(|request| match request.json()["input"].as_array().map(Vec::len) {
        Some(1) => embedder_mock::answer(request, 2),
        _ => Reply::status(400, "too much"),
    })?;
    let embedder = embedder(&open_ai_options(&mock, Some(2)))?;
    let counters = RequestCounters::default();
    let context = RequestContext { counters: Some(&counters), ..FOREVER };
    let vectors = embedder.embed_documents(&texts(["a", "b"]), &context)?;
    assert_eq!(vectors, [embedder_mock::vector("a", 2), embedder_mock::vector("b", 2)]);
    assert_eq!(mock.requests().len(), 3);
    assert_eq!((counters.stats().total, counters.stats().failed), (1, 1));
    Ok(())
}

/// A text of at least 8191 tokens becomes its first 8191 tokens; special tokens are plain text.
#[test]
fn a_long_text_is_cut_into_tokens() -> TestResult {
    let mock = Mock::with(|request| match request.json()["input"][0].is_number() {
        true => ok(json!({ "data": [{ "embedding": [0.5, 0.5] }] })),
        false => Reply::status(400, "too long"),
    })?;
    let embedder = embedder(&open_ai_options(&mock, Some(2)))?;
    let long = "hello world <|endoftext|>".repeat(4000);
    assert_eq!(embedder.embed_query(query(&long), &FOREVER)?, [0.5, 0.5]);
    let requests = mock.take_requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests[1].text().starts_with(
            r#"{"model":"text-embedding-3-small","input":[15339,1917,83739,8862,728,"#
        )
    );
    assert!(requests[1].text().ends_with(r#"],"dimensions":2}"#));
    assert_eq!(requests[1].json()["input"].as_array().map(Vec::len), Some(8191));

    // Short ones stay texts, and fail for good when they are bad alone.
    let (kind, stats) = failure(&embedder, &texts(["short"]));
    assert_eq!(kind, EmbeddingErrorKind::BadRequest { answer: "too long".to_owned() });
    assert_eq!((mock.requests().len(), stats.total, stats.failed), (2, 1, 1));
    Ok(())
}

#[test]
fn the_environment_gives_a_key() -> TestResult {
    let mock = Mock::start(2)?;
    let EmbedderOptions::OpenAi(options) = open_ai_options(&mock, Some(2)) else { unreachable!() };
    let send = |api_key: Option<&str>,
                open_ai_key: Option<&str>|
     -> Result<Vec<String>, EmbeddingError> {
        let open_ai_key = open_ai_key.map(str::to_owned);
        let pool = pool_with(0, Environment { open_ai_key, ..Environment::default() });
        let options = OpenAiOptions { api_key: api_key.map(str::to_owned), ..options.clone() };
        let embedder = pool.get(&EmbedderOptions::OpenAi(options), &FOREVER)?;
        embedder.embed_query(query("a"), &FOREVER)?;
        let sent = mock.take_requests();
        Ok(sent.iter().flat_map(|sent| sent.header("authorization")).map(str::to_owned).collect())
    };
    assert_eq!(send(None, Some("e"))?, ["Bearer e"]);
    assert_eq!(send(Some("k"), Some("e"))?, ["Bearer k"]);
    assert!(send(Some(""), Some("e"))?.is_empty() && send(None, None)?.is_empty());
    Ok(())
}
