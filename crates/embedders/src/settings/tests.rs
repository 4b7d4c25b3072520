//! Every row of vectors.md 2.3, 3.1, 3.2 and 3.3, and the stored forms of storage-index.md 13.2.

use serde_json::{Value, json};

use super::*;
use crate::config::EmbedderConfig;

fn parse(embedder: &Value) -> EmbedderSettings {
    EmbedderSettings::parse("e", embedder).unwrap()
}

/// The embedder after requests, one after the other.
fn merged(requests: &[Value]) -> Result<EmbedderConfig, EmbedderSettingsError> {
    let mut stored = None;
    for request in requests {
        stored = Some(merge("e", &parse(request), stored.as_ref())?);
    }
    Ok(stored.unwrap())
}

/// What is shown after requests, or the code of the error and its message.
fn after(requests: &[Value]) -> Result<Value, (Code, String)> {
    match merged(requests) {
        Ok(config) => Ok(shown(&config)),
        Err(error) => Err((error.code, error.cause)),
    }
}

const MEMBER: Code = Code::InvalidSettingsEmbedders;
const EMBEDDING: Code = Code::VectorEmbeddingError;

fn rest(more: Value) -> Value {
    let mut rest = json!({
        "source": "rest", "url": "http://a/embed", "request": "{{text}}", "response": "{{embedding}}",
    });
    rest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rest
}

fn with_fragments() -> Value {
    rest(json!({
        "request": ["{{fragment}}", "{{..}}"], "response": ["{{embedding}}", "{{..}}"], "dimensions": 2,
        "indexingFragments": {"b": {"value": "{{doc.b}}"}, "a": {"value": {"x": "{{doc.a}}"}}},
        "searchFragments": {"q": {"value": "{{q}}"}},
    }))
}

fn composite() -> Value {
    json!({
        "source": "composite",
        "searchEmbedder": {"source": "ollama", "model": "m", "url": "http://a/api/embed", "apiKey": "k"},
        "indexingEmbedder": {"source": "ollama", "model": "m", "documentTemplate": "{{doc.t}}"},
    })
}

#[test]
fn requests_that_are_wrong() {
    for (embedder, code, told) in [
        (json!({"documentTemplate": "{{"}), MEMBER, "`documentTemplate`"),
        (json!({"documentTemplateMaxBytes": 0}), MEMBER, "`documentTemplateMaxBytes`"),
        (json!({"dimensions": 0}), MEMBER, "`dimensions`"),
        (json!({"url": "localhost/embed"}), MEMBER, "`url`"),
        (json!({"url": "/embed"}), MEMBER, "`url`"),
        (
            json!({"documentTemplate": "x", "searchFragments": {"a": {"value": "x"}}}),
            EMBEDDING,
            "`documentTemplate`",
        ),
        (json!({"request": {"a": "text"}}), EMBEDDING, "`request`"),
        (json!({"request": ["{{text}}", "{{text}}"]}), EMBEDDING, "`request`"),
        (json!({"request": "{{fragment}}", "indexingFragments": null}), EMBEDDING, "`{{text}}`"),
        (
            json!({"request": "{{text}}", "indexingFragments": {"a": {"value": "x"}}}),
            EMBEDDING,
            "`{{fragment}}`",
        ),
        (
            json!({"request": "{{fragment}}", "searchFragments": {"a": {"value": ["{{"]}}}),
            EMBEDDING,
            "`searchFragments.a`",
        ),
        (json!({"request": "{{text}}", "response": "{{text}}"}), EMBEDDING, "`response`"),
        (
            json!({"request": "{{text}}", "response": ["{{embedding}}", "{{..}}"]}),
            EMBEDDING,
            "{{..}}",
        ),
        (json!({"source": "userProvided"}), MEMBER, "`dimensions`"),
        (json!({"source": "userProvided", "dimensions": null}), MEMBER, "`dimensions`"),
        (json!({"source": "userProvided", "dimensions": 2, "url": null}), MEMBER, "`url`"),
        (json!({"source": "rest"}), MEMBER, "`url`"),
        (rest(json!({"response": null})), MEMBER, "`response`"),
        (rest(json!({"model": "m"})), MEMBER, "`model`"),
        (json!({"source": "ollama", "model": null}), MEMBER, "`model`"),
        (json!({"source": "openAi", "revision": "main"}), MEMBER, "`revision`"),
        (json!({"source": "huggingFace", "apiKey": null}), MEMBER, "`apiKey`"),
        (json!({"source": "openAi", "model": "gpt"}), MEMBER, "`model`"),
        (
            json!({"source": "openAi", "model": "text-embedding-ada-002", "dimensions": 512}),
            MEMBER,
            "1536",
        ),
        (json!({"source": "openAi", "dimensions": 1537}), MEMBER, "1536"),
        (
            json!({"source": "composite", "searchEmbedder": {"source": "openAi"}}),
            MEMBER,
            "`indexingEmbedder`",
        ),
    ] {
        let error = check("e", &parse(&embedder)).unwrap_err();
        assert_eq!(error.code, code, "{embedder}: {error}");
        assert!(error.cause.contains(told), "{embedder}: {error}");
    }
}

#[test]
fn nested_embedders_are_checked_like_others() {
    let open_ai = || json!({"source": "openAi"});
    for (search, indexing, code, told) in [
        (json!({}), open_ai(), MEMBER, "in `searchEmbedder`: it needs `source`"),
        (open_ai(), json!({"model": "m"}), MEMBER, "in `indexingEmbedder`: it needs `source`"),
        (json!({"source": "userProvided", "dimensions": 1}), open_ai(), MEMBER, "`userProvided`"),
        (open_ai(), composite(), MEMBER, "`composite`"),
        (
            json!({"source": "openAi", "documentTemplate": null}),
            open_ai(),
            MEMBER,
            "documentTemplate",
        ),
        (
            json!({"source": "openAi", "documentTemplateMaxBytes": 1}),
            open_ai(),
            MEMBER,
            "documentTemplateMaxBytes",
        ),
        (rest(json!({"indexingFragments": {}})), open_ai(), MEMBER, "indexingFragments"),
        (open_ai(), rest(json!({"searchFragments": {}})), MEMBER, "searchFragments"),
        (json!({"source": "openAi", "distribution": null}), open_ai(), MEMBER, "distribution"),
        (
            open_ai(),
            json!({"source": "openAi", "binaryQuantized": true}),
            MEMBER,
            "binaryQuantized",
        ),
        (json!({"source": "openAi", "searchEmbedder": null}), open_ai(), MEMBER, "searchEmbedder"),
        (json!({"source": "ollama"}), open_ai(), MEMBER, "`model`"),
        (json!({"source": "openAi", "model": "gpt"}), open_ai(), MEMBER, "`model`"),
        (open_ai(), json!({"source": "openAi", "dimensions": 0}), MEMBER, "`dimensions`"),
        (json!({"source": "openAi", "url": "nowhere"}), open_ai(), MEMBER, "`url`"),
        (rest(json!({"request": 1})), open_ai(), EMBEDDING, "`request`"),
    ] {
        let embedder =
            json!({"source": "composite", "searchEmbedder": search, "indexingEmbedder": indexing});
        let error = check("e", &parse(&embedder)).unwrap_err();
        assert_eq!(error.code, code, "{embedder}: {error}");
        assert!(error.cause.contains(told), "{embedder}: {error}");
    }
}

#[test]
fn requests_that_are_right() {
    for embedder in [
        json!({}),
        json!({"dimensions": 3}),
        json!({"model": "of another source", "binaryQuantized": true}),
        json!({"request": "{{fragment}}"}),
        json!({"request": "{{text}}", "indexingFragments": {}}),
        json!({"indexingFragments": {"a": {"value": "{{"}}}),
        json!({"source": null, "url": null}),
        json!({"source": "userProvided", "dimensions": 2, "binaryQuantized": null,
               "distribution": {"mean": 0.5, "sigma": 1}}),
        json!({"source": "openAi", "model": "text-embedding-3-large", "dimensions": 3072}),
        json!({"source": "openAi", "model": "text-embedding-ada-002", "dimensions": 1536}),
        json!({"source": "huggingFace", "pooling": "forceCls"}),
        rest(json!({})),
        with_fragments(),
        composite(),
    ] {
        assert_eq!(check("e", &parse(&embedder)), Ok(()), "{embedder}");
    }
}

#[test]
fn defaults_and_order_of_what_is_shown() {
    let template = crate::DEFAULT_TEMPLATE;
    let text = |embedder: Value| after(&[embedder]).unwrap().to_string();
    let with_template = |begin: &str, end: &str| {
        let template = serde_json::to_string(template).unwrap();
        format!(r#"{begin}"documentTemplate":{template},"documentTemplateMaxBytes":400{end}"#)
    };
    assert_eq!(
        text(json!({})),
        with_template(r#"{"source":"openAi","model":"text-embedding-3-small","#, "}")
    );
    assert_eq!(
        text(json!({"source": "huggingFace"})),
        with_template(
            r#"{"source":"huggingFace","model":"BAAI/bge-base-en-v1.5","revision":"617ca489d9e86b49b8167676d8220688b99db36e","pooling":"useModel","#,
            "}"
        )
    );
    assert_eq!(
        text(json!({"source": "huggingFace", "model": "BAAI/bge-base-en-v1.5"})),
        with_template(
            r#"{"source":"huggingFace","model":"BAAI/bge-base-en-v1.5","pooling":"useModel","#,
            "}"
        )
    );
    assert_eq!(
        text(json!({
            "distribution": {"mean": 0.7, "sigma": 0.1}, "url": "http://a/api/embed", "dimensions": 3,
            "binaryQuantized": false, "apiKey": "k", "model": "m", "source": "ollama",
        })),
        with_template(
            r#"{"source":"ollama","model":"m","apiKey":"k","dimensions":3,"binaryQuantized":false,"#,
            r#","url":"http://a/api/embed","distribution":{"mean":0.7,"sigma":0.1}}"#
        )
    );
    assert_eq!(
        text(json!({"source": "userProvided", "dimensions": 2})),
        r#"{"source":"userProvided","dimensions":2}"#
    );
    assert_eq!(
        text(rest(json!({}))),
        with_template(
            r#"{"source":"rest","#,
            r#","url":"http://a/embed","request":"{{text}}","response":"{{embedding}}","headers":{}}"#
        )
    );
    assert_eq!(
        text(with_fragments()),
        r#"{"source":"rest","dimensions":2,"url":"http://a/embed","indexingFragments":{"a":{"value":{"x":"{{doc.a}}"}},"b":{"value":"{{doc.b}}"}},"searchFragments":{"q":{"value":"{{q}}"}},"request":["{{fragment}}","{{..}}"],"response":["{{embedding}}","{{..}}"],"headers":{}}"#
    );
    let mut embedder = composite();
    embedder["distribution"] = json!({"mean": 0.5, "sigma": 0.25});
    assert_eq!(
        text(embedder),
        r#"{"source":"composite","searchEmbedder":{"source":"ollama","model":"m","apiKey":"k","url":"http://a/api/embed"},"indexingEmbedder":{"source":"ollama","model":"m","documentTemplate":"{{doc.t}}","documentTemplateMaxBytes":400},"distribution":{"mean":0.5,"sigma":0.25}}"#
    );
}

#[test]
fn stored_forms() {
    let stored = |embedder: Value| serde_json::to_string(&merged(&[embedder]).unwrap()).unwrap();
    let template = json!({"documentTemplate": "t", "documentTemplateMaxBytes": 9});
    let with_template = |mut embedder: Value| {
        embedder.as_object_mut().unwrap().extend(template.as_object().unwrap().clone());
        stored(embedder)
    };
    let in_whole = |options: &str, fragments: &str| {
        format!(
            r#"{{"name":"e","config":{{"embedder_options":{options},"prompt":{{"template":"t","max_bytes":9}},"quantized":null}},"fragments":{fragments}}}"#
        )
    };
    assert_eq!(
        with_template(json!({"distribution": {"mean": 0.7, "sigma": 0.1}})),
        in_whole(
            r#"{"OpenAi":{"url":null,"api_key":null,"embedding_model":"text-embedding-3-small","dimensions":null,"distribution":{"mean":0.7,"sigma":0.1}}}"#,
            "[]"
        )
    );
    assert_eq!(
        with_template(json!({"source": "huggingFace", "model": "m"})),
        in_whole(
            r#"{"HuggingFace":{"model":"m","revision":null,"distribution":null,"pooling":"useModel"}}"#,
            "[]"
        )
    );
    assert_eq!(
        with_template(json!({"source": "ollama", "model": "m"})),
        in_whole(
            r#"{"Ollama":{"embedding_model":"m","url":null,"api_key":null,"distribution":null,"dimensions":null}}"#,
            "[]"
        )
    );
    assert_eq!(
        with_template(rest(json!({"headers": {"h": "v"}}))),
        in_whole(
            r#"{"Rest":{"api_key":null,"distribution":null,"dimensions":null,"url":"http://a/embed","request":"{{text}}","search_fragments":{},"indexing_fragments":{},"response":"{{embedding}}","headers":{"h":"v"}}}"#,
            "[]"
        )
    );
    let fragments = stored(with_fragments());
    assert!(
        fragments.contains(
            r#""search_fragments":{"q":"{{q}}"},"indexing_fragments":{"a":{"x":"{{doc.a}}"},"b":"{{doc.b}}"}"#
        ),
        "{fragments}"
    );
    assert!(
        fragments.ends_with(r#""fragments":[{"id":0,"name":"a"},{"id":1,"name":"b"}]}"#),
        "{fragments}"
    );
    let user = stored(json!({"source": "userProvided", "dimensions": 2, "binaryQuantized": true}));
    assert!(
        user.contains(r#"{"UserProvided":{"dimensions":2,"distribution":null}}"#)
            && user.contains(r#""max_bytes":400},"quantized":true}"#),
        "{user}"
    );
    let composite = stored(composite());
    assert!(
        composite.contains(r#"{"Composite":{"search":{"Ollama":{"embedding_model":"m","url":"http://a/api/embed","api_key":"k","distribution":null,"dimensions":null}},"index":{"Ollama":{"#)
            && composite.contains(r#""prompt":{"template":"{{doc.t}}","max_bytes":400}"#),
        "{composite}"
    );
}

/// Nullable members may be missing in what another version wrote.
#[test]
fn stored_forms_without_nullable_members() {
    for (options, source) in [
        (json!({"HuggingFace": {"model": "m"}}), "huggingFace"),
        (json!({"OpenAi": {"embedding_model": "text-embedding-ada-002"}}), "openAi"),
        (json!({"Ollama": {"embedding_model": "m"}}), "ollama"),
        (json!({"UserProvided": {"dimensions": 2}}), "userProvided"),
        (json!({"Rest": {"url": "u", "request": 1, "response": 2}}), "rest"),
        (
            json!({"Composite": {"search": {"Ollama": {"embedding_model": "m"}},
                                 "index": {"Ollama": {"embedding_model": "m"}}}}),
            "composite",
        ),
    ] {
        let config = json!({"embedder_options": options, "prompt": {"template": "t"}});
        let config: EmbedderConfig =
            serde_json::from_value(json!({"name": "e", "config": config})).unwrap();
        let shown = shown(&config);
        assert_eq!(shown["source"], source);
        if source == "huggingFace" {
            assert_eq!(shown["pooling"], "forceMean");
            assert_eq!(shown["documentTemplateMaxBytes"], 400);
        }
    }
}

#[test]
fn members_merge_one_by_one() {
    let ollama = json!({"source": "ollama", "model": "m", "apiKey": "k", "documentTemplate": "t"});
    let shown = after(&[ollama.clone(), json!({"apiKey": null, "dimensions": 3})]).unwrap();
    assert_eq!(shown.get("apiKey"), None);
    assert_eq!((&shown["model"], &shown["dimensions"]), (&json!("m"), &json!(3)));
    assert_eq!(shown["documentTemplate"], "t");
    let shown = after(&[ollama.clone(), json!({"documentTemplate": null})]).unwrap();
    assert_eq!(shown["documentTemplate"], crate::DEFAULT_TEMPLATE);
    // The model of a revision is another one.
    let hub = json!({"source": "huggingFace"});
    assert_eq!(after(&[hub.clone(), json!({"model": "m"})]).unwrap().get("revision"), None);
    let same = after(&[hub, json!({"model": "BAAI/bge-base-en-v1.5"})]).unwrap();
    assert!(same.get("revision").is_some(), "{same}");
    for (request, code, told) in [
        (json!({"model": null}), MEMBER, "`model`"),
        (json!({"headers": null}), MEMBER, "`headers`"),
        (json!({"url": "nowhere"}), MEMBER, "`url`"),
    ] {
        let (found, cause) = after(&[ollama.clone(), request]).unwrap_err();
        assert_eq!(found, code, "{cause}");
        assert!(cause.contains(told), "{cause}");
    }
}

#[test]
fn another_source_keeps_what_it_can_have() {
    let ollama = json!({
        "source": "ollama", "model": "m", "apiKey": "k", "url": "http://a/api/embed", "dimensions": 3,
        "documentTemplate": "t", "binaryQuantized": true, "distribution": {"mean": 0.5, "sigma": 0.5},
    });
    let shown = after(&[ollama.clone(), json!({"source": "openAi"})]).unwrap();
    assert_eq!(
        shown,
        json!({
            "source": "openAi", "model": "text-embedding-3-small", "apiKey": "k", "binaryQuantized": true,
            "documentTemplate": "t", "documentTemplateMaxBytes": 400,
            "distribution": {"mean": 0.5, "sigma": 0.5},
        })
    );
    let shown = after(&[ollama.clone(), json!({"source": "userProvided", "dimensions": 2})]);
    assert_eq!(
        shown.unwrap(),
        json!({"source": "userProvided", "dimensions": 2, "binaryQuantized": true,
               "distribution": {"mean": 0.5, "sigma": 0.5}})
    );
    let shown = after(&[ollama.clone(), json!({"source": "huggingFace"})]).unwrap();
    assert_eq!((shown.get("apiKey"), &shown["documentTemplate"]), (None, &json!("t")));
    // A reset source is the default one.
    assert_eq!(after(&[ollama, json!({"source": null})]).unwrap()["source"], "openAi");
    let shown = after(&[composite(), rest(json!({}))]).unwrap();
    assert_eq!(shown.get("searchEmbedder"), None);
}

#[test]
fn fragments_merge_by_name() {
    let names = |requests: &[Value]| {
        let fragments = merged(requests).unwrap().fragments;
        fragments.into_iter().map(|fragment| (fragment.name, fragment.id)).collect::<Vec<_>>()
    };
    let named = |name: &str, id: u8| (name.to_owned(), id);
    let change = json!({"indexingFragments": {"a": null, "c": {"value": 1}, "0": {"value": 2}}});
    assert_eq!(names(&[with_fragments(), change]), [named("0", 0), named("b", 1), named("c", 2)]);
    let kept = json!({"indexingFragments": {"b": {"value": "{{doc.c}}"}}});
    assert_eq!(names(&[with_fragments(), kept]), [named("a", 0), named("b", 1)]);
    // Fragments take the place of a stored template, and give way to the default one.
    let mut to_fragments = with_fragments();
    to_fragments.as_object_mut().unwrap().remove("source");
    let with_template = rest(json!({"documentTemplate": "t"}));
    let shown = after(&[with_template.clone(), to_fragments]).unwrap();
    assert_eq!(shown.get("documentTemplate"), None);
    let back = json!({"indexingFragments": null, "searchFragments": {"q": null}, "request": ["{{text}}", "{{..}}"]});
    let shown = after(&[with_fragments(), back]).unwrap();
    assert_eq!(shown["documentTemplate"], crate::DEFAULT_TEMPLATE);
    for (requests, told) in [
        ([with_fragments(), json!({"documentTemplate": "t"})], "`documentTemplate`"),
        ([with_fragments(), json!({"searchFragments": null})], "`searchFragments`"),
        (
            [with_fragments(), json!({"searchFragments": null, "indexingFragments": {}})],
            "`searchFragments`",
        ),
        (
            [with_fragments(), json!({"searchFragments": {"q": {"value": "{{"}}})],
            "`searchFragments.q`",
        ),
        ([with_fragments(), json!({"dimensions": null})], "`dimensions`"),
        ([rest(json!({})), json!({"request": "{{fragment}}"})], "`request`"),
        (
            [with_template, json!({"dimensions": 1, "indexingFragments": {"a": {"value": 1}}})],
            "`request`",
        ),
    ] {
        let (code, cause) = after(&requests).unwrap_err();
        assert_eq!(code, EMBEDDING, "{cause}");
        assert!(cause.contains(told), "{cause}");
    }
}

#[test]
fn too_many_fragments() {
    let many = |count: usize| {
        let fragments: serde_json::Map<_, _> =
            (0..count).map(|number| (number.to_string(), json!({"value": 1}))).collect();
        json!({"indexingFragments": fragments})
    };
    let mut embedder = with_fragments();
    embedder["indexingFragments"] = json!({"0": {"value": 1}});
    let fragments = merged(&[embedder.clone(), many(255)]).unwrap().fragments;
    assert_eq!(fragments.len(), 255);
    assert_eq!(after(&[embedder, many(256)]).unwrap_err().0, MEMBER);
}

#[test]
fn nested_embedders_merge() {
    let indexing = json!({"indexingEmbedder": {"documentTemplateMaxBytes": 7}});
    let shown = after(&[composite(), indexing]).unwrap();
    assert_eq!(shown["indexingEmbedder"]["documentTemplate"], "{{doc.t}}");
    assert_eq!(shown["indexingEmbedder"]["documentTemplateMaxBytes"], 7);
    let search = json!({"searchEmbedder": {"source": "openAi"}});
    let shown = after(&[composite(), search]).unwrap();
    assert_eq!(
        shown["searchEmbedder"],
        json!({"source": "openAi", "model": "text-embedding-3-small"})
    );
    for (request, told) in [
        (json!({"searchEmbedder": {"model": "m"}}), "`source`"),
        (json!({"searchEmbedder": null}), "`searchEmbedder`"),
        (json!({"indexingEmbedder": {"headers": null}}), "`headers`"),
        (json!({"documentTemplate": "t"}), "`documentTemplate`"),
    ] {
        let (code, cause) = after(&[composite(), request]).unwrap_err();
        assert_eq!(code, MEMBER, "{cause}");
        assert!(cause.contains(told), "{cause}");
    }
}

#[test]
fn vectors_are_quantized_once() {
    let user = json!({"source": "userProvided", "dimensions": 2, "binaryQuantized": true});
    for value in [json!(false), json!(null)] {
        let (code, cause) = after(&[user.clone(), json!({"binaryQuantized": value})]).unwrap_err();
        assert_eq!(code, MEMBER, "{cause}");
    }
    assert!(after(&[user, json!({"distribution": null})]).is_ok());
    let plain = json!({"source": "userProvided", "dimensions": 2, "binaryQuantized": false});
    let shown = after(&[plain, json!({"binaryQuantized": true})]).unwrap();
    assert_eq!(shown["binaryQuantized"], true);
}
