//! Downloads: ranges and ETag, many slow readers at once, deletion while somebody reads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use rand::Rng;
use serde_json::{Value, json};

use crate::common::Server;
use crate::support::*;

#[test]
fn a_download_can_be_resumed_and_checked() {
    let server = Server::start();
    fill(&server, "countries");
    let details = snapshot(&server, "countries", json!({}));
    let archive = download(&server, "countries", &details);
    let path = format!(
        "/indexes/countries/snapshots/{}/download",
        details["snapshotUid"].as_str().unwrap()
    );
    let name = details["fileName"].as_str().unwrap();

    let head = server.raw("HEAD", &path, &[], b"");
    let header = |name: &str| head.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(head.status(), 200);
    assert_eq!(header("content-length"), archive.len().to_string());
    assert_eq!(header("content-type"), "application/gzip");
    assert_eq!(header("content-disposition"), format!("attachment; filename=\"{name}\""));
    assert_eq!(header("accept-ranges"), "bytes");
    let etag = header("etag");

    let part = |range: &str, etag: &str| {
        let headers = [("Range", range), ("If-Range", etag), ("Accept-Encoding", "gzip, br")];
        let mut response = server.raw("GET", &path, &headers, b"");
        let mut bytes = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
        let told = response.headers().get("content-range").map(|v| v.to_str().unwrap().to_owned());
        (response.status().as_u16(), told, bytes)
    };
    let length = archive.len();
    let (status, told, bytes) = part("bytes=1000-", &etag);
    assert_eq!((status, told), (206, Some(format!("bytes 1000-{}/{length}", length - 1))));
    assert_eq!(bytes, archive[1000..]);
    assert_eq!(part("bytes=10-19", &etag).2, archive[10..20]);
    assert_eq!(part("bytes=-7", &etag).2, archive[length - 7..]);
    assert_eq!(part("bytes=1000-", "\"another\""), (200, None, archive.clone()));

    // What lies behind the end is told as every error is, with the length that there is.
    let mut behind = server.raw("GET", &path, &[("Range", "bytes=99999999-")], b"");
    assert_eq!(behind.status(), 416);
    assert_eq!(behind.headers()["content-range"], format!("bytes */{length}"));
    let error: Value = behind.body_mut().read_json().unwrap();
    assert_eq!(error["code"], "bad_request");
    assert!(error["message"].as_str().unwrap().contains(&length.to_string()), "{error}");

    // HEAD knows no ranges.
    let head = server.raw("HEAD", &path, &[("Range", "bytes=10-19")], b"");
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-length"]),
        (200, &header("content-length").parse().unwrap())
    );

    for (known, status) in [(etag.as_str(), 304), ("\"another\"", 200)] {
        for method in ["GET", "HEAD"] {
            let response = server.raw(method, &path, &[("If-None-Match", known)], b"");
            assert_eq!(response.status(), status, "{method} {known}");
            assert_eq!(response.headers()["etag"], etag);
        }
    }

    // As an operator would check it, without us.
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.tar.gz"), &archive).unwrap();
    for (program, arguments) in [("tar", ["xf", "a.tar.gz"]), ("sha256sum", ["-c", "SHA256SUMS"])] {
        let output =
            Command::new(program).args(arguments).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let sum = format!("{name}.sha256");
    let arguments = ["-c", sum.as_str()];
    let output = Command::new("sha256sum")
        .args(arguments)
        .current_dir(server.dir().join("snapshots"))
        .output();
    assert!(output.unwrap().status.success());
}

/// A download of which only the beginning was read so far.
struct SlowReader {
    connection: TcpStream,
    read: Vec<u8>,
}

impl SlowReader {
    fn start(server: &Server, path: &str) -> SlowReader {
        let address = server.url().strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut read = vec![0; 2000];
        connection.read_exact(&mut read).unwrap();
        assert!(read.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&read));
        SlowReader { connection, read }
    }

    /// Reads the rest; gives the body.
    fn finish(mut self) -> Vec<u8> {
        self.connection.read_to_end(&mut self.read).unwrap();
        let head = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        self.read.split_off(head + 4)
    }
}

/// Memory of the server that is no part of a file.
#[cfg(target_os = "linux")]
fn anonymous_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn slow_readers_block_nobody_and_a_deletion_ends_none_of_them() {
    const READERS: usize = 24;
    let server = Server::start();
    // More than the buffers of a connection hold, and nothing that could be compressed.
    server.succeed(server.put("/indexes/blobs/settings/searchable-attributes", json!(["id"])));
    let blob = |id| {
        let mut bytes = vec![0; 400 * 1024];
        rand::rng().fill_bytes(&mut bytes);
        json!({ "id": id, "blob": hex::encode(bytes) })
    };
    let documents: Vec<_> = (0..16).map(blob).collect();
    server.succeed(server.post("/indexes/blobs/documents", json!(documents)));
    let details = snapshot(&server, "blobs", json!({ "compression": "none" }));
    let archive = download(&server, "blobs", &details);
    assert!(archive.len() > 12 << 20, "{} bytes", archive.len());

    let entry = format!("/indexes/blobs/snapshots/{}", details["snapshotUid"].as_str().unwrap());
    let path = format!("{entry}/download");
    #[cfg(target_os = "linux")]
    let before = anonymous_kib(&server);
    let readers: Vec<_> = (0..READERS).map(|_| SlowReader::start(&server, &path)).collect();

    // They stand still, and everything goes on: searches, writes, other downloads.
    assert_eq!(server.post("/indexes/blobs/search", json!({ "q": "3" })).0, 200);
    server.succeed(server.post("/indexes/blobs/documents", json!([{ "id": 100 }])));
    assert!(download(&server, "blobs", &details) == archive);
    #[cfg(target_os = "linux")]
    {
        let grown = anonymous_kib(&server).saturating_sub(before);
        let whole = (READERS * archive.len() / 1024) as u64;
        assert!(grown < whole / 4, "{grown} KiB for {READERS} readers of {} bytes", archive.len());
    }

    assert_eq!(server.delete(&entry).0, 204);
    assert_eq!(server.get(&path).1["code"], "index_snapshot_not_found");
    assert_eq!(std::fs::read_dir(server.dir().join("snapshots")).unwrap().count(), 0);
    for reader in readers {
        assert!(reader.finish() == archive, "a reader got something else");
    }
}
