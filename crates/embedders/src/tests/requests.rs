//! What all remote sources do when a provider answers badly, late or never (vectors.md 9).

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

type Sources = Vec<(&'static str, Arc<Embedder>)>;

/// An instance of each source, which asks the mock for vectors of documents. The mock must be healthy, for
/// composite embedders compare their sides.
fn sources(pool: &EmbedderPool, mock: &Mock) -> Result<Sources, Box<dyn Error>> {
    let search = Mock::start(2)?;
    let sides =
        CompositeOptions { search: Box::new(repeated(&search)), index: Box::new(repeated(mock)) };
    let all = [
        ("rest", repeated(mock)),
        ("openAi", open_ai_options(mock, Some(2))),
        ("ollama", ollama_options(mock, "/api/embed", Some(2))),
        ("composite", EmbedderOptions::Composite(sides)),
    ];
    let made = all.into_iter().map(|(name, options)| Ok((name, pool.get(&options, &FOREVER)?)));
    let made = made.collect();
    mock.take_requests();
    made
}

/// Answers of every form, with these vectors.
fn vectors(vectors: Value) -> Reply {
    let data: Value = vectors
        .as_array()
        .map(|list| list.iter().map(|vector| json!({ "embedding": vector })).collect())
        .unwrap_or_default();
    ok(json!({ "output": vectors, "embeddings": vectors, "data": data }))
}

#[test]
fn faults_that_stay() -> TestResult {
    use EmbeddingErrorKind as Kind;
    type Expected = fn(&EmbeddingErrorKind) -> bool;
    let cases: [(Reply, Expected); 10] = [
        (ok(json!({ "error": "none" })), |kind| matches!(kind, Kind::Extraction(_))),
        (ok(json!([])), |kind| matches!(kind, Kind::Extraction(_))),
        (vectors(json!([[1, null], [0, 1]])), |kind| matches!(kind, Kind::Extraction(_))),
        (vectors(json!([[1, 1e39], [0, 1]])), |kind| matches!(kind, Kind::Extraction(_))),
        (vectors(json!([[1, 0]])), |kind| *kind == Kind::WrongCount { expected: 2, found: 1 }),
        (vectors(json!([[1, 0], [1, 0], [1, 0]])), |kind| {
            *kind == Kind::WrongCount { expected: 2, found: 3 }
        }),
        (vectors(json!([[1, 0], [1, 0, 0]])), |kind| {
            *kind == Kind::WrongDimensions { expected: 2, found: 3 }
        }),
        (Reply::status(401, "no key"), |kind| {
            *kind == Kind::Unauthorized { answer: "no key".to_owned() }
        }),
        (Reply::status(403, "no"), |kind| {
            *kind == Kind::UnexpectedStatus { status: 403, answer: "no".to_owned() }
        }),
        (Reply::status(413, ""), |kind| {
            *kind == Kind::UnexpectedStatus { status: 413, answer: String::new() }
        }),
    ];
    let mock = Mock::start(2)?;
    for (name, embedder) in sources(&pool(), &mock)? {
        for (reply, is_expected) in &cases {
            mock.push([reply.clone()]);
            let (kind, stats) = failure(&embedder, &texts(["a", "b"]));
            assert!(is_expected(&kind), "{name}: {kind:?} after {reply:?}");
            assert_eq!((stats.total, stats.failed), (1, 1), "{name}: {kind}");
            assert_eq!(stats.last_error, Some(kind.to_string()));
            assert_eq!(mock.take_requests().len(), 1, "{name}: {kind}");
            let error = EmbeddingError::from(kind);
            assert_eq!(
                meilisearch_types::error::ErrorCode::error_code(&error),
                meilisearch_types::error::Code::VectorEmbeddingError
            );
        }
    }
    Ok(())
}

#[test]
fn faults_that_pass() -> TestResult {
    let cases = [
        Reply::status(500, "down"),
        Reply::status(503, ""),
        Reply::status(429, "slower"),
        Reply::status(304, ""),
        Reply::status(200, "{"),
        Reply::bytes(200, b"\"\xff\""),
        Reply::hang_up(),
        vectors(json!([[1, 0], [0, 1]])).cut_at(10),
        Reply::bytes(200, b"no gzip").header("content-encoding", "gzip"),
    ];
    let mock = Mock::start(2)?;
    for (name, embedder) in sources(&pool(), &mock)? {
        for reply in &cases {
            mock.push([reply.clone(), reply.clone()]);
            let counters = RequestCounters::default();
            let context = RequestContext { counters: Some(&counters), ..FOREVER };
            let vectors = embedder
                .embed_documents(&texts(["a", "b"]), &context)
                .map_err(|error| format!("{name}: {error} after {reply:?}"))?;
            let expected = ["a", "b"].map(|text| embedder_mock::vector(text, 2));
            assert_eq!(vectors, expected, "{name}, {reply:?}");
            let stats = counters.stats();
            assert_eq!((stats.total, stats.failed), (3, 2), "{name}, {reply:?}");
            assert!(stats.last_error.is_some());
        }
    }
    Ok(())
}

#[test]
fn eleven_attempts() -> TestResult {
    let sick = Arc::new(AtomicBool::new(false));
    let is_sick = Arc::clone(&sick);
    let mock = Mock::with(move |request| match is_sick.load(Ordering::SeqCst) {
        true => Reply::status(429, "slower"),
        false => embedder_mock::answer(request, 2),
    })?;
    let sources = sources(&pool(), &mock)?;
    sick.store(true, Ordering::SeqCst);
    for (name, embedder) in sources {
        let (kind, stats) = failure(&embedder, &texts(["a"]));
        let expected = EmbeddingErrorKind::TooManyRequests { answer: "slower".to_owned() };
        assert_eq!((kind, stats.total, stats.failed), (expected, 11, 11), "{name}");
        assert_eq!(mock.take_requests().len(), 11);
    }
    Ok(())
}

#[test]
fn a_provider_that_dies_in_the_middle_of_a_batch() -> TestResult {
    for source in 0..4 {
        let seen = Arc::new(AtomicUsize::new(0));
        let (counted, dead) = (Arc::clone(&seen), Arc::new(AtomicBool::new(false)));
        let is_dead = Arc::clone(&dead);
        let mock = Mock::with(move |request| {
            let reply = embedder_mock::answer(request, 2);
            match is_dead.load(Ordering::SeqCst) && counted.fetch_add(1, Ordering::SeqCst) > 0 {
                true => reply.cut_at(30),
                false => reply,
            }
        })?;
        let (name, embedder) = sources(&pool(), &mock)?.swap_remove(source);
        dead.store(true, Ordering::SeqCst);
        let (kind, stats) = failure(&embedder, &texts(0..30));
        assert!(matches!(kind, EmbeddingErrorKind::Network { .. }), "{name}: {kind:?}");
        assert!(stats.failed >= 11 && stats.total - stats.failed <= 1, "{name}: {stats:?}");
        assert_eq!(stats.total, seen.load(Ordering::SeqCst), "{name}");
    }
    Ok(())
}

#[test]
fn time_outs() -> TestResult {
    let mock = Mock::start(2)?;
    let timeout = Duration::from_millis(200);
    let pool = pool_with(0, Environment { timeout, ..Environment::default() });
    for (name, embedder) in sources(&pool, &mock)? {
        mock.push([vectors(json!([[1, 0]])).delayed(Duration::from_secs(5))]);
        let counters = RequestCounters::default();
        let context = RequestContext { counters: Some(&counters), ..FOREVER };
        embedder.embed_documents(&texts(["a"]), &context)?;
        let stats = counters.stats();
        assert!(stats.failed >= 1 && stats.total == stats.failed + 1, "{name}: {stats:?}");
    }
    Ok(())
}

#[test]
fn answers_may_be_compressed() -> TestResult {
    let mock = Mock::start(2)?;
    for (name, embedder) in sources(&pool(), &mock)? {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let (v, data) = (json!([[1, 0]]), json!([{ "embedding": [1, 0] }]));
        write!(gzip, "{}", json!({ "output": v, "embeddings": v, "data": data }))?;
        mock.push([Reply::bytes(200, &gzip.finish()?).header("content-encoding", "gzip")]);
        let vectors = embedder.embed_documents(&texts(["a"]), &FOREVER)?;
        assert_eq!(vectors, [[1.0, 0.0]], "{name}");
        let accepted =
            mock.take_requests()[0].header("accept-encoding").any(|v| v.contains("gzip"));
        assert!(accepted, "{name}");
    }
    Ok(())
}

/// A redirected request is one without body, as browsers make it; the key is not told to others.
#[test]
fn redirects_do_not_carry_the_key() -> TestResult {
    let other = Mock::with(|_| vectors(json!([[1, 0]])))?;
    let mock = Mock::start(2)?;
    mock.push([Reply::status(302, "").header("location", &other.url("/there"))]);
    let embedder = embedder(&open_ai_options(&mock, Some(2)))?;
    assert_eq!(embedder.embed_query(query("a"), &FOREVER)?, [1.0, 0.0]);
    assert_eq!(other.requests()[0].header("authorization").count(), 0);
    // A circle ends.
    let circle = Mock::with(|_| Reply::status(302, "").header("location", "/round"))?;
    let (kind, _) = failure(&*pool().get(&repeated(&circle), &FOREVER)?, &texts(["a"]));
    assert!(matches!(kind, EmbeddingErrorKind::Network { .. }), "{kind:?}");
    Ok(())
}

#[test]
fn deadlines() -> TestResult {
    let mock = Mock::start(2)?;
    let policy = Policy::new(&[AllowedNetwork::Any]);
    let options = PoolOptions { policy, cache_entries: 0 };
    // Between attempts it may wait for a minute.
    let pool = EmbedderPool::with_environment(options, Environment::default());
    let embedder = pool.get(&repeated(&mock), &FOREVER)?;
    let soon = || RequestContext {
        deadline: Some(Instant::now() + Duration::from_millis(300)),
        ..FOREVER
    };

    // Without a deadline this would take minutes. The last attempt may have too little time for an answer.
    mock.push((0..11).map(|_| Reply::status(500, "down")));
    let error = embedder.embed_query(query("a"), &soon()).unwrap_err();
    assert!(
        matches!(
            error.kind,
            EmbeddingErrorKind::ServerError { .. } | EmbeddingErrorKind::Network { .. }
        ),
        "{error}"
    );
    let attempts = mock.take_requests().len();
    assert!((2..=11).contains(&attempts), "{attempts}");

    let late = Mock::with(|_| vectors(json!([[1, 0]])).delayed(Duration::from_secs(20)))?;
    let embedder = pool.get(&repeated(&late), &FOREVER)?;
    let error = embedder.embed_query(query("a"), &soon()).unwrap_err();
    assert!(matches!(error.kind, EmbeddingErrorKind::Network { .. }), "{error}");

    let passed = RequestContext { deadline: Some(Instant::now()), ..FOREVER };
    let error = embedder.embed_query(query("a"), &passed).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::OutOfTime);
    let error = embedder.embed_documents(&texts(["a"]), &passed).unwrap_err();
    assert_eq!(error.kind, EmbeddingErrorKind::OutOfTime);
    assert_eq!(late.requests().len(), 1, "nothing more is sent");
    Ok(())
}

/// Neither a wait of a minute nor a request under way holds up whoever gives up.
#[test]
fn cancelation() -> TestResult {
    let policy = Policy::new(&[AllowedNetwork::Any]);
    let options = PoolOptions { policy, cache_entries: 0 };
    let pool = EmbedderPool::with_environment(options, Environment::default());
    for reply in [Reply::status(429, ""), vectors(json!([])).delayed(Duration::from_secs(20))] {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let mock = Mock::with(move |_| {
            asked.store(true, Ordering::SeqCst);
            reply.clone()
        })?;
        let must_stop = || stop.load(Ordering::SeqCst);
        let context = RequestContext { must_stop: &must_stop, ..FOREVER };
        let embedder = pool.get(&repeated(&mock), &context)?;
        let error = embedder.embed_documents(&texts(["a"]), &context).unwrap_err();
        assert_eq!(error.kind, EmbeddingErrorKind::Stopped);
        let late = Mock::start(2)?;
        let embedder = pool.get(&repeated(&late), &context)?;
        let error = embedder.embed_documents(&texts(["a"]), &context).unwrap_err();
        assert_eq!(error.kind, EmbeddingErrorKind::Stopped);
        assert!(late.requests().is_empty(), "whoever has given up sends nothing");
    }
    Ok(())
}

/// Trying again would not help, so it is not waited for minutes.
#[test]
fn what_cannot_be_sent_fails_at_once() -> TestResult {
    let mock = Mock::start(2)?;
    let pool = EmbedderPool::with_environment(PoolOptions::default(), Environment::default());
    let embedder = pool.get(&repeated(&mock), &FOREVER)?;
    let (kind, stats) = failure(&embedder, &texts(["a"]));
    assert!(matches!(kind, EmbeddingErrorKind::RefusedAddress { .. }), "{kind:?}");
    assert_eq!((stats.total, stats.failed, kind.fault()), (1, 1, Fault::Runtime));
    assert!(mock.requests().is_empty());

    let EmbedderOptions::Rest(options) = repeated(&mock) else { unreachable!() };
    let headers = [("no header".to_owned(), "1".to_owned())].into();
    let headers = EmbedderOptions::Rest(RestOptions { headers, ..options.clone() });
    let (kind, stats) = failure(&*pool.get(&headers, &FOREVER)?, &texts(["a"]));
    assert!(matches!(kind, EmbeddingErrorKind::MalformedRequest { .. }), "{kind:?}");
    assert_eq!(stats.total, 1);

    let url = "ftp://user:secret@example.com/?key=secret".to_owned();
    let scheme = EmbedderOptions::Rest(RestOptions { url, ..options });
    let error = pool.get(&scheme, &FOREVER).unwrap_err();
    assert!(matches!(error.kind, EmbeddingErrorKind::MalformedRequest { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    Ok(())
}
