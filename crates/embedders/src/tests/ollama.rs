//! The source `ollama` (vectors.md 11).

use super::*;

/// The pairs of vectors.md 21.2: an embedder without `dimensions` first asks for them.
#[test]
fn wire_pairs() -> TestResult {
    let mock = Mock::start(3)?;
    mock.push([
        ok(json!({ "embeddings": [[0, 0, 1]] })),
        ok(json!({ "embeddings": [[1, 0, 0], [0, 1, 0]] })),
    ]);
    let many = embedder(&ollama_options(&mock, "/api/embed", None))?;
    assert_eq!((many.dimensions(), many.group_size()), (3, 400));
    let vectors = many.embed_documents(&texts(["a", "b"]), &FOREVER)?;
    assert_eq!(vectors, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    let expected = [r#"{"model":"m","input":["test"]}"#, r#"{"model":"m","input":["a","b"]}"#];
    assert_eq!(bodies(&mock.take_requests()), expected);

    mock.push([ok(json!({ "embedding": [1, 0, 0] }))]);
    let one = embedder(&ollama_options(&mock, "/api/embeddings", Some(3)))?;
    assert_eq!(one.embed_query(query("a"), &FOREVER)?, [1.0, 0.0, 0.0]);
    assert_eq!(bodies(&mock.take_requests()), [r#"{"model":"m","prompt":"a"}"#]);
    assert_eq!(one.group_size(), 40);
    Ok(())
}

#[test]
fn a_missing_model_fails_at_once() -> TestResult {
    let mock = Mock::with(|_| Reply::status(404, r#"{"error":"no such model"}"#))?;
    let missing = EmbeddingErrorKind::ModelNotFound {
        model: "m".to_owned(),
        answer: r#"{"error":"no such model"}"#.to_owned(),
    };
    let ready = embedder(&ollama_options(&mock, "/api/embed", Some(3)))?;
    let (kind, stats) = failure(&ready, &texts(["a"]));
    assert_eq!((kind, stats.total, stats.failed), (missing.clone(), 1, 1));
    let error = embedder(&ollama_options(&mock, "/api/embed", None)).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::Probe(Box::new(missing)));
    assert_eq!(mock.requests().len(), 2);
    Ok(())
}

#[test]
fn the_address_tells_the_form() -> TestResult {
    let mock = Mock::start(3)?;
    let error = embedder(&ollama_options(&mock, "/api/chat", Some(3))).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::OllamaUrl(mock.url("/api/chat")));
    Ok(())
}

#[test]
fn the_environment_gives_an_address() -> TestResult {
    let mock = Mock::start(3)?;
    let ollama_url = Some(mock.url("/api/embed"));
    let pool = pool_with(0, Environment { ollama_url, ..Environment::default() });
    let EmbedderOptions::Ollama(options) = ollama_options(&mock, "", None) else { unreachable!() };
    let options = OllamaOptions { url: None, ..options };
    assert_eq!(pool.get(&EmbedderOptions::Ollama(options), &FOREVER)?.dimensions(), 3);
    Ok(())
}
