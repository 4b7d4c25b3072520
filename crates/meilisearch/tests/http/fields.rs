//! `POST /indexes/{index_uid}/fields` (http-api.md section 14).

use serde_json::{Value, json};

use crate::common::Server;

fn index() -> Server {
    let server = Server::start();
    let settings = json!({
        "displayedAttributes": ["id", "title", "deep"],
        "searchableAttributes": ["title", "deep"],
        "filterableAttributes": [
            "genre",
            { "attributePatterns": ["n*"], "features": { "facetSearch": true, "filter": { "equality": false, "comparison": true } } },
        ],
        "sortableAttributes": ["year"],
        "distinctAttribute": "genre",
        "rankingRules": ["words", "year:desc"],
        "localizedAttributes": [{ "attributePatterns": ["title"], "locales": ["jpn"] }],
        "faceting": { "sortFacetValuesBy": { "genre": "count" } },
    });
    server.succeed(server.patch("/indexes/films/settings", settings));
    let film = json!({ "id": 1, "title": "a", "genre": "b", "year": 2, "number": 3, "deep": { "er": "c" } });
    server.succeed(server.post("/indexes/films/documents", film));
    server
}

fn names(server: &Server, body: Value) -> Vec<String> {
    let (status, page) = server.post("/indexes/films/fields", body);
    assert_eq!(status, 200, "{page}");
    let results = page["results"].as_array().unwrap();
    results.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn fields_are_described_and_filtered() {
    let server = index();
    let (_, page) = server.post("/indexes/films/fields", json!({}));
    let field = |name: &str| {
        let mut fields = page["results"].as_array().unwrap().iter();
        fields.find(|field| field["name"] == name).unwrap_or_else(|| panic!("{name}: {page}"))
    };
    insta::assert_snapshot!(field("genre"), @r#"{"name":"genre","displayed":{"enabled":false},"searchable":{"enabled":false},"sortable":{"enabled":false},"distinct":{"enabled":true},"rankingRule":{"enabled":false},"filterable":{"enabled":true,"sortBy":"count","facetSearch":true,"equality":true,"comparison":true},"localized":{"locales":[]}}"#);
    insta::assert_snapshot!(field("year"), @r#"{"name":"year","displayed":{"enabled":false},"searchable":{"enabled":false},"sortable":{"enabled":true},"distinct":{"enabled":false},"rankingRule":{"enabled":true,"order":"desc"},"filterable":{"enabled":false,"sortBy":"alpha","facetSearch":false,"equality":false,"comparison":false},"localized":{"locales":[]}}"#);
    insta::assert_snapshot!(field("title"), @r#"{"name":"title","displayed":{"enabled":true},"searchable":{"enabled":true},"sortable":{"enabled":false},"distinct":{"enabled":false},"rankingRule":{"enabled":false},"filterable":{"enabled":false,"sortBy":"alpha","facetSearch":false,"equality":false,"comparison":false},"localized":{"locales":["Jpn"]}}"#);
    insta::assert_snapshot!(field("number"), @r#"{"name":"number","displayed":{"enabled":false},"searchable":{"enabled":false},"sortable":{"enabled":false},"distinct":{"enabled":false},"rankingRule":{"enabled":false},"filterable":{"enabled":true,"sortBy":"alpha","facetSearch":true,"equality":false,"comparison":true},"localized":{"locales":[]}}"#);
    insta::assert_snapshot!(field("deep.er"), @r#"{"name":"deep.er","displayed":{"enabled":true},"searchable":{"enabled":true},"sortable":{"enabled":false},"distinct":{"enabled":false},"rankingRule":{"enabled":false},"filterable":{"enabled":false,"sortBy":"alpha","facetSearch":false,"equality":false,"comparison":false},"localized":{"locales":[]}}"#);

    let filtered = |filter: Value| names(&server, json!({ "filter": filter }));
    assert_eq!(filtered(json!({ "displayed": true })), ["deep", "deep.er", "id", "title"]);
    assert_eq!(filtered(json!({ "searchable": true })), ["deep", "deep.er", "title"]);
    assert_eq!(filtered(json!({ "sortable": true })), ["year"]);
    assert_eq!(filtered(json!({ "rankingRule": true, "sortable": true })), ["year"]);
    assert_eq!(filtered(json!({ "distinct": true })), ["genre"]);
    assert_eq!(filtered(json!({ "filterable": true })), ["genre", "number"]);
    assert_eq!(filtered(json!({ "attributePatterns": ["*e", "id"] })), ["genre", "id", "title"]);
    let (_, page) = server.post("/indexes/films/fields", json!({ "offset": 1, "limit": 2 }));
    assert_eq!(
        (&page["offset"], &page["limit"], &page["total"]),
        (&json!(1), &json!(2), &json!(7))
    );
    assert_eq!(names(&server, json!({ "offset": 1, "limit": 2 })), ["deep.er", "genre"]);
}

#[test]
fn mistakes() {
    let server = Server::start();
    for (path, body, status, code) in [
        ("films", json!({}), 404, "index_not_found"),
        ("a%20b", json!({}), 404, "index_not_found"),
        ("films", json!({ "limit": -1 }), 400, "invalid_index_limit"),
        ("films", json!({ "filter": { "shown": true } }), 400, "invalid_index_fields_filter"),
        (
            "films",
            json!({ "filter": { "sortable": 1 } }),
            400,
            "invalid_index_fields_filter_sortable",
        ),
        (
            "films",
            json!({ "filter": { "attributePatterns": "a" } }),
            400,
            "invalid_index_fields_filter_attribute_patterns",
        ),
    ] {
        let (found, error) = server.post(&format!("/indexes/{path}/fields"), body.clone());
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{body}");
    }
}
