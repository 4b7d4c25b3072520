//! What holds for every request (http-api.md sections 1 and 3).

use serde_json::{Value, json};

use crate::common::{Server, json as body_of};

#[test]
fn signs_of_life() {
    let server = Server::start();
    assert_eq!(server.get("/health"), (200, json!({ "status": "available" })));
    assert_eq!(server.get("/"), (200, json!({ "status": "Meilisearch is running" })));
    let (status, version) = server.get("/version");
    assert_eq!((status, &version["pkgVersion"]), (200, &json!("1.50.0")));
    assert_eq!(
        version.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["commitSha", "commitDate", "pkgVersion"]
    );
}

#[test]
fn paths_are_normalised() {
    let server = Server::start();
    for path in ["/health/", "//health", "/health///"] {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    assert_eq!(server.get("//indexes/").0, 200);
}

#[test]
fn unknown_paths_and_methods_have_empty_bodies() {
    let server = Server::start();
    assert_eq!(server.get("/nope"), (404, Value::Null));
    assert_eq!(server.get("/indexes/a/nope"), (404, Value::Null));
    for (method, path, allowed) in [
        ("PUT", "/indexes", "GET, POST"),
        ("HEAD", "/health", "GET"),
        ("OPTIONS", "/health", "GET"),
        // Fixed paths shadow parameters for every method.
        ("GET", "/indexes/a/documents/fetch", "POST"),
        ("GET", "/indexes/a/documents/delete-batch", "POST"),
        ("GET", "/tasks/cancel", "POST"),
    ] {
        let response = server.raw(method, path, &[], b"");
        assert_eq!(response.status(), 405, "{method} {path}");
        let mut methods: Vec<_> =
            response.headers()["allow"].to_str().unwrap().split(", ").collect();
        methods.sort_unstable();
        assert_eq!(methods.join(", "), allowed, "{method} {path}");
        assert_eq!(body_of(response), Value::Null);
    }
}

#[test]
fn cross_origin_requests_are_welcome() {
    let server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    let preflight = server.raw(
        "OPTIONS",
        "/indexes",
        &[
            ("Origin", "https://shop.example"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,x-mine"),
        ],
        b"",
    );
    assert_eq!(preflight.status(), 200);
    let header = |name: &str| preflight.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("access-control-max-age"), "86400");
    let mut headers: Vec<_> =
        header("access-control-allow-headers").split(',').map(|it| it.trim().to_owned()).collect();
    headers.sort();
    assert_eq!(headers, ["authorization", "x-mine"]);
    for method in ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "PATCH", "TRACE"] {
        assert!(header("access-control-allow-methods").contains(method), "{method}");
    }

    let with_origin = server.raw("GET", "/health", &[("Origin", "https://shop.example")], b"");
    assert_eq!(with_origin.headers()["access-control-allow-origin"], "*");
    let without = server.raw("GET", "/health", &[], b"");
    assert!(without.headers().get("access-control-allow-origin").is_none());
}

/// Head of the answer to `GET /health` with these lines of header, as it comes over the wire.
fn get_with(server: &Server, headers: &str) -> String {
    let request = format!("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
    server.wire(request.as_bytes()).0
}

/// The value of a header in a head; those of several lines of it, joined.
fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let values: Vec<_> = lines.filter(|line| line.0 == name).map(|line| line.1).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

#[test]
fn answers_tell_what_they_vary_with() {
    const CORS: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    let server = Server::start();
    let vary = |path: &str, headers: &[(&str, &str)]| {
        let response = server.raw("GET", path, headers, b"");
        let values = response.headers().get_all("vary").iter();
        let values = values.map(|it| it.to_str().unwrap().to_owned());
        (response.status().as_u16(), values.collect::<Vec<_>>().join(", "))
    };
    assert_eq!(vary("/health", &[]), (200, CORS.into()));
    assert_eq!(vary("/health", &[("Origin", "https://shop.example")]), (200, CORS.into()));
    assert_eq!(vary("/indexes/nope", &[]), (404, CORS.into()));
    assert_eq!(vary("/nope", &[]), (404, CORS.into()));
    for encoding in ["gzip", "br", "deflate"] {
        let compressed = (200, format!("{CORS}, accept-encoding"));
        assert_eq!(vary("/health", &[("Accept-Encoding", encoding)]), compressed, "{encoding}");
    }
    let impossible =
        [("Accept-Encoding", "zstd, identity;q=0, *;q=0"), ("Origin", "https://shop.example")];
    assert_eq!(vary("/health", &impossible), (406, "Accept-Encoding".into()));
    let response = server.raw("GET", "/health", &impossible, b"");
    assert!(response.headers().get("access-control-allow-origin").is_none());
}

#[test]
fn answers_are_compressed_as_asked() {
    let server = Server::start();
    for (accepted, expected) in [
        ("gzip", Some("gzip")),
        ("br", Some("br")),
        ("deflate", Some("deflate")),
        ("gzip;q=0.5, br", Some("br")),
        ("identity", None),
        ("*", None),
    ] {
        let answer = get_with(&server, &format!("Accept-Encoding: {accepted}\r\n"));
        assert_eq!(
            header(&answer, "content-encoding").as_deref(),
            expected,
            "Accept-Encoding: {accepted}"
        );
    }
    let impossible = "zstd, identity;q=0, *;q=0";
    let response = server.raw("GET", "/health", &[("Accept-Encoding", impossible)], b"");
    assert_eq!(response.status(), 406);
}

#[test]
fn bodies_are_decompressed() {
    use std::io::Write;
    let server = Server::start();
    let body = br#"{ "uid": "packed" }"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(body).unwrap();
    let headers = |encoding| [("Content-Type", "application/json"), ("Content-Encoding", encoding)];
    let mut br = Vec::new();
    brotli::BrotliCompress(&mut &body[..], &mut br, &Default::default()).unwrap();
    for (encoding, body) in
        [("gzip", gzip.clone()), ("deflate", deflate.finish().unwrap()), ("br", br.clone())]
    {
        let response = server.raw("POST", "/indexes", &headers(encoding), &body);
        assert_eq!(response.status(), 202, "{encoding}");
        assert_eq!(body_of(response)["indexUid"], "packed");
    }
    for (encoding, whole) in [("gzip", &gzip), ("br", &br)] {
        let corrupt = server.raw("POST", "/indexes", &headers(encoding), &whole[..10]);
        assert_eq!(corrupt.status(), 400, "{encoding}");
    }
    let corrupt = server.raw("POST", "/indexes", &headers("gzip"), b"not gzip at all, no way");
    assert_eq!(
        (corrupt.status().as_u16(), body_of(corrupt)["code"].clone()),
        (400, json!("bad_request"))
    );
    // An encoding that is not known counts as none.
    assert_eq!(server.raw("POST", "/indexes", &headers("zstd"), body).status(), 202);
}

#[test]
fn json_routes_check_the_content_type() {
    let server = Server::start();
    let send = |content_type: Option<&str>| {
        let headers: Vec<_> = content_type.map(|it| ("Content-Type", it)).into_iter().collect();
        let response = server.raw("POST", "/indexes", &headers, br#"{"uid":"a"}"#);
        (response.status().as_u16(), body_of(response)["code"].as_str().map(str::to_owned))
    };
    for accepted in
        ["application/json", "application/json; charset=utf-8", "text/json", "application/ld+json"]
    {
        assert_eq!(send(Some(accepted)), (202, None), "{accepted}");
    }
    assert_eq!(send(None), (415, Some("missing_content_type".into())));
    for refused in ["text/plain", "application/x-ndjson", "nonsense", ""] {
        assert_eq!(send(Some(refused)), (415, Some("invalid_content_type".into())), "{refused}");
    }
}

#[test]
fn broken_bodies_have_their_codes() {
    let server = Server::start_with(&["--http-payload-size-limit", "2 KiB"]);
    let send = |body: &str| {
        let headers = [("Content-Type", "application/json")];
        let answer = body_of(server.raw("POST", "/indexes", &headers, body.as_bytes()));
        answer["code"].as_str().unwrap_or("none").to_owned()
    };
    assert_eq!(send(""), "missing_payload");
    assert_eq!(send("{"), "malformed_payload");
    assert_eq!(send("[]"), "bad_request");
    assert_eq!(send(r#"{"uid":"a","colour":1}"#), "bad_request");
    assert_eq!(send(r#"{"primaryKey":"id"}"#), "missing_index_uid");
    assert_eq!(send(r#"{"uid":"a b"}"#), "invalid_index_uid");
    assert_eq!(send(r#"{"uid":"a","primaryKey":7}"#), "invalid_index_primary_key");
    assert_eq!(send(&format!(r#"{{"uid":"{}"}}"#, "a".repeat(4_000))), "payload_too_large");
}

#[test]
fn chunked_bodies_have_the_same_limit() {
    let server = Server::start_with(&["--http-payload-size-limit", "2 KiB"]);
    let send = |path: &str, body: &str| {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        for chunk in body.as_bytes().chunks(1_000) {
            let chunk = std::str::from_utf8(chunk).unwrap();
            request.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        }
        request.push_str("0\r\n\r\n");
        let (head, body) = server.wire(request.as_bytes());
        let status = head.split(' ').nth(1).unwrap().to_owned();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let spaces = |bytes: usize| " ".repeat(bytes);
    for (path, body) in [("/indexes", r#"{"uid":"a"}"#), ("/indexes/a/documents", r#"[{"id":1}]"#)]
    {
        let (status, answer) = send(path, &format!("{body}{}", spaces(2_048 - body.len())));
        assert_eq!(status, "202", "{path}: {answer}");
        for bytes in [2_049, 10_000] {
            let (status, answer) = send(path, &format!("{body}{}", spaces(bytes - body.len())));
            assert_eq!((&*status, &answer["code"]), ("413", &json!("payload_too_large")), "{path}");
            let message = answer["message"].as_str().unwrap();
            assert!(message.contains("2 KiB"), "{message}");
        }
    }
}
