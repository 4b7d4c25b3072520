//! The table of docs/compatibility.md has the routes of the server: no more, no less.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use meilisearch_types::not_implemented::ROUTES;
use meilisearch_types::settings::SettingName;

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

/// Every path that the sources of the routes register.
fn registered() -> BTreeSet<String> {
    let mut paths: BTreeSet<_> = ROUTES.iter().map(|route| route.path.to_owned()).collect();
    collect(&Path::new(ROOT).join("src/routes"), &mut paths);
    let settings = "/indexes/{index_uid}/settings";
    paths.insert(settings.to_owned());
    for setting in SettingName::ALL {
        paths.insert(format!("{settings}/{}", setting.route()));
    }
    paths
}

fn collect(directory: &Path, paths: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for after in source.split("resource(").skip(1) {
            if let Some((route, _)) =
                after.trim_start().strip_prefix('"').and_then(|text| text.split_once('"'))
            {
                paths.insert(route.to_owned());
            }
        }
    }
}

#[test]
fn the_table_has_the_paths_of_the_server() {
    let mut registered = registered();
    // Our own routes have their own guide.
    registered.retain(|path| !path.contains("/snapshots/") && !path.ends_with("}/snapshots"));
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
