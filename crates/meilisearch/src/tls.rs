//! TLS of the server, from PEM files (operations.md section 9).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{KeyLogFile, RootCertStore, ServerConfig};

use crate::options::Options;

/// Sessions that are kept to be resumed.
const RESUMABLE_SESSIONS: usize = 256;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the file `{}` ({option}): {source}", path.display())]
    Read {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("the file `{}` ({option}) holds no {expected}", path.display())]
    Content {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The root certificates of clients are refused.
    #[error("the client roots in `{}` (--ssl-auth-path) cannot be used: {problem}", path.display())]
    ClientRoots {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Certificate and key are refused.
    #[error("TLS cannot be set up with these files: {0}")]
    Config(#[from] rustls::Error),
}

/// The set-up of TLS; none unless both a certificate and a key are given.
///
/// # Errors
///
/// A file cannot be read or does not fit.
pub(crate) fn server_config(options: &Options) -> Result<Option<ServerConfig>, TlsError> {
    let (Some(certificates), Some(key)) = (&options.ssl_cert_path, &options.ssl_key_path) else {
        return Ok(None);
    };
    let chain = certificates_in(certificates, "--ssl-cert-path")?;
    let key = private_key(key)?;
    let ocsp = match &options.ssl_ocsp_path {
        Some(path) => read(path, "--ssl-ocsp-path")?,
        None => Vec::new(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &options.ssl_auth_path {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let refused = |problem: String| TlsError::ClientRoots { path: path.clone(), problem };
            let mut roots = RootCertStore::empty();
            for root in certificates_in(path, "--ssl-auth-path")? {
                roots.add(root).map_err(|error| refused(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match options.ssl_require_auth {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(
                verifier.build().map_err(|error| refused(error.to_string()))?,
            )
        }
    };
    let mut config = builder.with_single_cert_with_ocsp(chain, key, ocsp)?;
    config.session_storage = match options.ssl_resumption {
        true => ServerSessionMemoryCache::new(RESUMABLE_SESSIONS),
        false => Arc::new(NoServerSessionStorage {}),
    };
    if options.ssl_tickets {
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    }
    // Writes only where `SSLKEYLOGFILE` asks for it.
    config.key_log = Arc::new(KeyLogFile::new());
    Ok(Some(config))
}

fn read(path: &Path, option: &'static str) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { option, path: path.to_owned(), source })
}

fn certificates_in(
    path: &Path,
    option: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path, option)?;
    let content =
        || TlsError::Content { option, path: path.to_owned(), expected: "certificate in PEM" };
    let all: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| content())?;
    if all.is_empty() { Err(content()) } else { Ok(all) }
}

/// The first key in PKCS#8, else in PKCS#1, else in SEC1.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    const OPTION: &str = "--ssl-key-path";
    let pem = read(path, OPTION)?;
    let pkcs8 = || PrivatePkcs8KeyDer::from_pem_slice(&pem).map(PrivateKeyDer::Pkcs8);
    let pkcs1 = |_| PrivatePkcs1KeyDer::from_pem_slice(&pem).map(PrivateKeyDer::Pkcs1);
    let sec1 = |_| PrivateSec1KeyDer::from_pem_slice(&pem).map(PrivateKeyDer::Sec1);
    pkcs8().or_else(pkcs1).or_else(sec1).map_err(|_| TlsError::Content {
        option: OPTION,
        path: path.to_owned(),
        expected: "private key in PEM that is not encrypted",
    })
}
