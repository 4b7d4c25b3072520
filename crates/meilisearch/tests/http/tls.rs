//! TLS (operations.md section 9), with certificates made here.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, KeyLog, RootCertStore, SignatureScheme,
    StreamOwned,
};

use crate::common::{Server, command};

/// An authority of its own, a server's certificate and a client's, as files of a directory.
struct Certificates {
    dir: tempfile::TempDir,
    roots: RootCertStore,
    client: (rcgen::Certificate, KeyPair),
}

impl Certificates {
    fn new() -> Certificates {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let sign = |names: &[&str]| {
            let key = KeyPair::generate().unwrap();
            let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
            (CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap(), key)
        };
        let (server, key) = sign(&["localhost"]);
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
        write("server.pem", server.pem());
        write("key.pem", key.serialize_pem());
        write("roots.pem", authority.pem());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        Certificates { roots, client: sign(&["client"]), dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// A client that trusts the authority, with its certificate or without one.
    fn client(&self, with_client: bool) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone());
        if with_client {
            let (certificate, key) = &self.client;
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
        } else {
            builder.with_no_client_auth()
        }
    }

    /// `GET /health` over TLS; the answer and the protocol that was agreed on.
    fn health(
        &self,
        server: &Server,
        with_client: bool,
        alpn: &str,
    ) -> std::io::Result<(String, String)> {
        health_by(self.client(with_client), server, alpn)
    }
}

/// `GET /health` by this client; the answer and the protocol that was agreed on.
fn health_by(
    mut config: ClientConfig,
    server: &Server,
    alpn: &str,
) -> std::io::Result<(String, String)> {
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let address = server.url().strip_prefix("https://").unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.ends_with(b"}") {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
        if alpn == "h2" {
            break;
        }
    }
    let agreed = stream.conn.alpn_protocol().unwrap_or_default();
    let agreed = String::from_utf8(agreed.to_vec()).unwrap();
    Ok((String::from_utf8_lossy(&answer).into_owned(), agreed))
}

#[test]
fn a_certificate_and_a_key_make_https() {
    let files = Certificates::new();
    let (certificate, key) = (files.path("server.pem"), files.path("key.pem"));
    let arguments = [
        "--ssl-cert-path",
        &certificate,
        "--ssl-key-path",
        &key,
        "--ssl-resumption",
        "--ssl-tickets",
    ];
    let server = Server::start_with(&arguments);
    let (answer, agreed) = files.health(&server, false, "http/1.1").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("available"), "{answer}");
    assert_eq!(agreed, "http/1.1");
    assert_eq!(files.health(&server, false, "h2").unwrap().1, "h2");
    // One of the two alone is plain HTTP.
    let server = Server::start_with(&arguments[..2]);
    assert_eq!(server.get("/health").0, 200);
}

#[test]
fn clients_may_have_to_show_a_certificate() {
    let files = Certificates::new();
    let (certificate, key, roots) =
        (files.path("server.pem"), files.path("key.pem"), files.path("roots.pem"));
    let mut arguments =
        vec!["--ssl-cert-path", &certificate, "--ssl-key-path", &key, "--ssl-auth-path", &roots];
    let server = Server::start_with(&arguments);
    for with_client in [false, true] {
        let (answer, _) = files.health(&server, with_client, "http/1.1").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    arguments.push("--ssl-require-auth");
    let server = Server::start_with(&arguments);
    let (answer, _) = files.health(&server, true, "http/1.1").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let refused = files.health(&server, false, "http/1.1");
    assert!(refused.is_err() || refused.unwrap().0.is_empty());
    // A certificate of somebody else.
    let stranger = Certificates { client: Certificates::new().client, ..files };
    let refused = stranger.health(&server, true, "http/1.1");
    assert!(refused.is_err() || refused.unwrap().0.is_empty());
}

/// Judges like another verifier and keeps the OCSP answer that it is shown.
#[derive(Debug)]
struct OcspKeeper {
    verifier: Arc<WebPkiServerVerifier>,
    shown: Mutex<Vec<u8>>,
}

impl ServerCertVerifier for OcspKeeper {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.shown.lock().unwrap() = ocsp.to_vec();
        self.verifier.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

#[test]
fn the_ocsp_answer_is_stapled() {
    // "Try later", the shortest answer in DER.
    const ANSWER: [u8; 5] = [0x30, 0x03, 0x0a, 0x01, 0x03];
    let files = Certificates::new();
    std::fs::write(files.path("ocsp.der"), ANSWER).unwrap();
    let (certificate, key, ocsp) =
        (files.path("server.pem"), files.path("key.pem"), files.path("ocsp.der"));
    let arguments =
        ["--ssl-cert-path", &certificate, "--ssl-key-path", &key, "--ssl-ocsp-path", &ocsp];
    for (arguments, expected) in [(&arguments[..], &ANSWER[..]), (&arguments[..4], &[])] {
        let server = Server::start_with(arguments);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(files.roots.clone());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider);
        let verifier = verifier.build().unwrap();
        // So that "nothing" is seen to be shown.
        let keeper = Arc::new(OcspKeeper { verifier, shown: Mutex::new(b"unasked".to_vec()) });
        let mut client = files.client(false);
        client.dangerous().set_certificate_verifier(keeper.clone());
        let (answer, _) = health_by(client, &server, "http/1.1").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(*keeper.shown.lock().unwrap(), expected);
    }
}

/// The secrets of a client, in the lines of a key log.
#[derive(Debug, Default)]
struct Secrets(Mutex<BTreeSet<String>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}", hex::encode(client_random), hex::encode(secret));
        self.0.lock().unwrap().insert(line);
    }
}

#[test]
fn secrets_are_appended_to_the_key_log() {
    let files = Certificates::new();
    std::fs::write(files.path("keys.log"), "# of an earlier server\n").unwrap();
    let server = Server::start_by(&[
        "env",
        &format!("SSLKEYLOGFILE={}", files.path("keys.log")),
        &format!("MEILI_SSL_CERT_PATH={}", files.path("server.pem")),
        &format!("MEILI_SSL_KEY_PATH={}", files.path("key.pem")),
    ]);
    let secrets = Arc::new(Secrets::default());
    for _ in 0..2 {
        let mut client = files.client(false);
        client.key_log = secrets.clone();
        let (answer, _) = health_by(client, &server, "http/1.1").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let logged = std::fs::read_to_string(files.path("keys.log")).unwrap();
    let logged = logged.strip_prefix("# of an earlier server\n").unwrap();
    let logged: BTreeSet<_> = logged.lines().map(str::to_owned).collect();
    let secrets = secrets.0.lock().unwrap();
    assert!(secrets.iter().any(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")), "{secrets:?}");
    assert_eq!(logged, *secrets);
}

fn refused(dir: &Path, certificate: &str, key: &str) -> String {
    let arguments = [format!("--ssl-cert-path={certificate}"), format!("--ssl-key-path={key}")];
    let output = command(dir, &arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    complaint
}

#[test]
fn files_that_do_not_fit_are_fatal_and_named() {
    let files = Certificates::new();
    let (certificate, key) = (files.path("server.pem"), files.path("key.pem"));
    let other = Certificates::new();
    let missing = files.path("missing.pem");
    for (certificate, key, expected) in [
        (&missing, &key, "missing.pem"),
        (&key, &key, "no certificate in PEM"),
        (&certificate, &certificate, "no private key in PEM"),
        (&certificate, &other.path("key.pem"), "TLS cannot be set up"),
    ] {
        let complaint = refused(files.dir.path(), certificate, key);
        assert!(complaint.contains(expected), "{complaint}");
    }
}
