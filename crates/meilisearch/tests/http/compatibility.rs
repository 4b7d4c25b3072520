//! The table of docs/compatibility.md has the routes of the server: no more, no less.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::Server;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Route → methods, as the table tells.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(format!("{ROOT}/../../docs/compatibility.md")).unwrap();
    let mut routes = BTreeMap::new();
    for row in text.lines().filter(|line| line.contains("| `/")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (methods, route, built) = (cells[1], cells[2].trim_matches('`'), cells[3]);
        assert!(["yes", "partly", "no"].contains(&built), "{row}");
        let methods = methods.split(", ").map(str::to_owned).collect();
        assert!(routes.insert(route.to_owned(), methods).is_none(), "{route} stands there twice");
    }
    routes
}

#[test]
fn the_table_has_the_paths_of_the_server() {
    let document = meilisearch::openapi::document();
    let mut registered: BTreeSet<String> =
        document["paths"].as_object().unwrap().keys().cloned().collect();
    // Our own routes have their own guide.
    registered.retain(|path| {
        !path.contains("/snapshots/") && !path.ends_with("}/snapshots") && path != "/openapi.json"
    });
    let told: BTreeSet<_> = table().into_keys().collect();
    assert_eq!(told, registered);
}

#[test]
fn the_table_has_the_methods_of_the_server() {
    let server = Server::start();
    for (route, told) in table() {
        let path: Vec<_> =
            route.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        // A method that no route has: the answer lists those that this one has.
        let answer = server.raw("OPTIONS", &path.join("/"), &[], b"");
        assert_eq!(answer.status(), 405, "{route}");
        let allowed = answer.headers()["allow"].to_str().unwrap();
        let allowed: BTreeSet<_> = allowed.split(", ").map(str::to_owned).collect();
        assert_eq!(allowed, told, "{route}");
    }
}
