//! Instances are shared, and one that is slow to make holds up nobody else (vectors.md 5).

use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use super::*;

#[test]
fn instances_are_shared_by_equal_options() -> TestResult {
    let mock = Mock::start(2)?;
    let pool = pool();
    let options = ollama_options(&mock, "/api/embed", None);
    let first = pool.get(&options, &FOREVER)?;
    assert!(Arc::ptr_eq(&first, &pool.get(&options, &FOREVER)?));
    assert_eq!(mock.requests().len(), 1, "the dimensions are asked for once");
    let other = pool.get(&ollama_options(&mock, "/api/embed", Some(2)), &FOREVER)?;
    assert!(!Arc::ptr_eq(&first, &other));
    Ok(())
}

#[test]
fn failures_are_not_remembered() -> TestResult {
    let mock = Mock::start(2)?;
    let pool = pool();
    let options = ollama_options(&mock, "/api/embed", None);
    mock.push([Reply::status(401, "")]);
    assert!(pool.get(&options, &FOREVER).is_err());
    mock.push([ok(json!({ "embeddings": [[]] }))]);
    let empty = EmbeddingErrorKind::Probe(Box::new(EmbeddingErrorKind::NoEmbedding));
    assert_eq!(pool.get(&options, &FOREVER).unwrap_err().kind, empty);
    assert_eq!(pool.get(&options, &FOREVER)?.dimensions(), 2);
    Ok(())
}

#[test]
fn a_slow_instance_holds_up_nobody_else() -> TestResult {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let slow = Mock::with(move |request| {
        let _ = released.lock().map(|released| released.recv());
        embedder_mock::answer(request, 2)
    })?;
    let fast = Mock::start(2)?;
    let options = ollama_options(&slow, "/api/embed", None);
    let pool = pool();
    let [first, second] = thread::scope(|scope| -> Result<_, Box<dyn Error>> {
        let first = scope.spawn(|| pool.get(&options, &FOREVER));
        while slow.requests().is_empty() {
            thread::yield_now();
        }
        let second = scope.spawn(|| pool.get(&options, &FOREVER));
        pool.get(&ollama_options(&fast, "/api/embed", None), &FOREVER)?;
        let soon = Some(Instant::now() + Duration::from_millis(30));
        let error = pool.get(&options, &RequestContext { deadline: soon, ..FOREVER });
        assert_eq!(error.unwrap_err().kind, EmbeddingErrorKind::OutOfTime);
        let error = pool.get(&options, &RequestContext { must_stop: &|| true, ..FOREVER });
        assert_eq!(error.unwrap_err().kind, EmbeddingErrorKind::Stopped);
        release.send(())?;
        let join = |made: thread::ScopedJoinHandle<'_, _>| made.join().map_err(|_| "it panicked");
        Ok([join(first)??, join(second)??])
    })?;
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(slow.requests().len(), 1);
    Ok(())
}

#[test]
fn queries_are_remembered() -> TestResult {
    let mock = Mock::start(2)?;
    for (cache_entries, requests) in [(10, 1), (0, 2)] {
        let embedder = pool_with(cache_entries, Environment::default());
        let embedder = embedder.get(&repeated(&mock), &FOREVER)?;
        let vector = embedder.embed_query(query("q"), &FOREVER)?;
        assert_eq!(embedder.embed_query(query("q"), &FOREVER)?, vector);
        assert_eq!(mock.take_requests().len(), requests);
    }
    Ok(())
}

#[test]
fn what_cannot_be_embedded() -> TestResult {
    let mock = Mock::start(2)?;
    let user = UserProvidedOptions { dimensions: 2, distribution: None };
    let user = embedder(&EmbedderOptions::UserProvided(user))?;
    assert_eq!((user.dimensions(), user.group_size()), (2, 100));
    assert_eq!(failure(&user, &texts(["a"])).0, EmbeddingErrorKind::UserProvided);
    let error = user.embed_query(query("a"), &FOREVER).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::UserProvided);
    assert!(user.embed_documents(&[], &FOREVER)?.is_empty());

    let rest = embedder(&repeated(&mock))?;
    let media = json!({ "u": "z" });
    let error = rest.embed_query(QueryInput { text: Some("a"), media: Some(&media) }, &FOREVER);
    assert_eq!(error.unwrap_err().kind, EmbeddingErrorKind::MediaNotSupported);
    let error = rest.embed_query(QueryInput::default(), &FOREVER).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::NothingToEmbed);
    assert!(mock.requests().is_empty());

    let model = HuggingFaceOptions {
        model: "m".to_owned(),
        revision: None,
        distribution: None,
        pooling: Pooling::UseModel,
    };
    let error = embedder(&EmbedderOptions::HuggingFace(model)).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::NoLocalModels);
    Ok(())
}
