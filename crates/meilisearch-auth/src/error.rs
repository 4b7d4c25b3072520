//! Why a request is refused, and why the store cannot do what is asked.

use std::path::PathBuf;

use meilisearch_types::error::{Code, ErrorCode};
use uuid::Uuid;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No usable header.
    #[error("This route is protected: send the header `Authorization: Bearer <key>`.")]
    MissingAuthorizationHeader,
    /// Keys have no secrets without a master key.
    #[error("Keys can only be managed on a server that was started with a master key.")]
    MissingMasterKey,
    /// Unknown, expired, or lacking the action.
    #[error("The key sent with this request is unknown, expired, or not allowed to do this.")]
    InvalidApiKey,
    /// The key is limited to other indexes.
    #[error("The key sent with this request is not allowed on the index `{index}`, only on: {}.", allowed.join(", "))]
    IndexRefused {
        /// The index that was asked for.
        index: String,
        /// The patterns of the key, sorted.
        allowed: Vec<String>,
    },
    /// The tenant token or the key that signed it is limited to other indexes.
    #[error(
        "The tenant token sent with this request is not allowed on the index `{index}`{}.",
        told(allowed)
    )]
    IndexRefusedToTenant {
        /// The index that was asked for.
        index: String,
        /// The patterns of the token, sorted; none when its key refuses, which the tenant must not
        /// know more of.
        allowed: Option<Vec<String>>,
    },
    /// Not signed by a key, or not as this server reads it.
    #[error(
        "The tenant token sent with this request is refused: {reason}. It needs the claims `apiKeyUid` and `searchRules`, no `aud`, and a signature (HS256, HS384 or HS512) with the value of that key."
    )]
    InvalidTenantToken {
        /// What the token lacks.
        reason: String,
    },
    /// Its end has passed.
    #[error("The tenant token sent with this request expired at {expired_at}; it is now {now}.")]
    ExpiredTenantToken {
        /// Its end.
        expired_at: String,
        /// The time of the request.
        now: String,
    },
    /// The keys cannot be read.
    #[error(transparent)]
    Store(#[from] AuthStoreError),
}

fn told(allowed: &Option<Vec<String>>) -> String {
    match allowed {
        Some(allowed) => format!(", only on: {}", allowed.join(", ")),
        None => String::new(),
    }
}

impl ErrorCode for AuthError {
    fn error_code(&self) -> Code {
        match self {
            AuthError::MissingAuthorizationHeader => Code::MissingAuthorizationHeader,
            AuthError::MissingMasterKey => Code::MissingMasterKey,
            AuthError::InvalidApiKey
            | AuthError::IndexRefused { .. }
            | AuthError::IndexRefusedToTenant { .. }
            | AuthError::InvalidTenantToken { .. }
            | AuthError::ExpiredTenantToken { .. } => Code::InvalidApiKey,
            AuthError::Store(error) => error.error_code(),
        }
    }
}

/// Why the store of keys cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthStoreError {
    /// The environment cannot be opened.
    #[error("The store of keys `{}` cannot be opened: {source}", path.display())]
    Open {
        /// Its directory.
        path: PathBuf,
        /// What went wrong.
        source: heed::Error,
    },
    /// A transaction failed.
    #[error("The store of keys cannot be read or written: {0}")]
    Heed(#[from] heed::Error),
    /// A stored key does not parse.
    #[error("The stored key `{uid}` cannot be read: {source}")]
    CorruptedKey {
        /// Its database key, in hexadecimal.
        uid: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// An entry of the second database does not parse.
    #[error("The rights of the key `{uid}` cannot be read; create it again.")]
    CorruptedRights {
        /// The key.
        uid: Uuid,
    },
    /// No such key.
    #[error("No key has the uid or the value `{0}`.")]
    NotFound(String),
    /// The uid of a new key is taken.
    #[error("A key with the uid `{0}` exists already: choose another, or leave it out.")]
    AlreadyExists(Uuid),
    /// A key limited to some indexes names actions on the whole server.
    #[error("A key that is limited to some indexes cannot hold {}: these act on the whole server. Leave them out, or allow the index `*`.", actions.join(", "))]
    GlobalActions {
        /// The actions.
        actions: Vec<&'static str>,
    },
}

impl ErrorCode for AuthStoreError {
    fn error_code(&self) -> Code {
        match self {
            AuthStoreError::NotFound(_) => Code::ApiKeyNotFound,
            AuthStoreError::AlreadyExists(_) => Code::ApiKeyAlreadyExists,
            AuthStoreError::GlobalActions { .. } => Code::IndexScopedApiKeyWithGlobalAction,
            AuthStoreError::Open { source: error, .. } | AuthStoreError::Heed(error) => match error
            {
                heed::Error::Io(error) => error.error_code(),
                heed::Error::Mdb(heed::MdbError::MapFull) => Code::DatabaseSizeLimitReached,
                heed::Error::Mdb(heed::MdbError::Invalid) => Code::InvalidStoreFile,
                _ => Code::Internal,
            },
            AuthStoreError::CorruptedKey { .. } | AuthStoreError::CorruptedRights { .. } => {
                Code::Internal
            }
        }
    }
}
