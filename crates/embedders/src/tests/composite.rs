//! The source `composite` (vectors.md 13).

use super::*;

fn composite(search: EmbedderOptions, index: EmbedderOptions) -> EmbedderOptions {
    let (search, index) = (Box::new(search), Box::new(index));
    EmbedderOptions::Composite(CompositeOptions { search, index })
}

#[test]
fn queries_go_to_one_side_and_documents_to_the_other() -> TestResult {
    let (search, index) = (Mock::start(2)?, Mock::start(2)?);
    let options = composite(repeated(&search), open_ai_options(&index, Some(2)));
    let embedder = pool_with(10, Environment::default()).get(&options, &FOREVER)?;
    assert_eq!(search.take_requests().len(), 1, "the texts of the check are sent at once");
    assert_eq!(index.take_requests().len(), 1);
    assert_eq!((embedder.dimensions(), embedder.group_size()), (2, 400));
    for _ in 0..2 {
        embedder.embed_query(query("q"), &FOREVER)?;
        embedder.embed_documents(&texts(["d"]), &FOREVER)?;
    }
    assert_eq!(bodies(&search.requests()), [r#"{"input":["q"]}"#], "queries are remembered");
    assert_eq!(index.requests().len(), 2);
    Ok(())
}

/// A side that takes one text per request is sent one after the other.
#[test]
fn single_sides_are_compared_too() -> TestResult {
    let (search, index) = (Mock::start(2)?, Mock::start(2)?);
    let options = composite(ollama_options(&search, "/api/embeddings", None), repeated(&index));
    assert_eq!(embedder(&options)?.dimensions(), 2);
    assert_eq!(search.requests().len(), 4, "one tells the dimensions");
    assert_eq!(index.requests().len(), 1);
    Ok(())
}

#[test]
fn sides_must_agree() -> TestResult {
    let mock = Mock::start(2)?;
    let turned = Mock::with(|_| ok(json!({ "output": [[1, 0], [0, -1], [-1, 0]] })))?;
    let error = embedder(&composite(repeated(&mock), repeated(&turned))).unwrap_err();
    assert!(matches!(error.kind, EmbeddingErrorKind::CompositeVectors { .. }), "{error}");
    let error = embedder(&composite(repeated(&mock), open_ai_options(&turned, Some(3))));
    let kind = EmbeddingErrorKind::CompositeDimensions { search: 2, index: 3 };
    assert_eq!(error.unwrap_err().kind, kind);
    let user =
        EmbedderOptions::UserProvided(UserProvidedOptions { dimensions: 2, distribution: None });
    for nested in [user, composite(repeated(&mock), repeated(&mock))] {
        let error = embedder(&composite(repeated(&mock), nested)).unwrap_err();
        assert_eq!(error.kind, EmbeddingErrorKind::NestedSource);
    }
    Ok(())
}

#[test]
fn a_side_without_provider_fails() -> TestResult {
    let mock = Mock::start(2)?;
    let dead = Mock::start(2)?;
    let options = composite(repeated(&mock), repeated(&dead));
    drop(dead);
    let error = embedder(&options).unwrap_err();
    assert!(matches!(error.kind, EmbeddingErrorKind::Network { .. }), "{error}");
    Ok(())
}
