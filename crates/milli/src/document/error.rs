//! What can be wrong with a document or its id; faults of one task, not of the index.

use meilisearch_types::error::{Code, ErrorCode};

use super::geo::GeoFault;

/// A fault of a user's document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No field of the first document looks like an id.
    #[error(
        "the primary key cannot be guessed: no field name of the first document ends with `id`; \
         name the field with `primaryKey`"
    )]
    PrimaryKeyNoCandidate,
    /// Several fields of the first document look like an id.
    #[error(
        "the primary key cannot be guessed: {count} field names of the first document end with `id`, \
         among them `{first}` and `{second}`; name one with `primaryKey`"
    )]
    PrimaryKeyMultipleCandidates {
        /// Number of candidates.
        count: usize,
        /// First candidate in byte order.
        first: String,
        /// Second candidate.
        second: String,
    },
    /// The index has documents under another primary key.
    #[error(
        "the index already has the primary key `{primary_key}`; delete its documents to change it"
    )]
    PrimaryKeyAlreadyExists {
        /// Key of the index.
        primary_key: String,
    },
    /// A document has no value under the primary key.
    #[error("a document has no field `{primary_key}`, which is the primary key: {document}")]
    MissingDocumentId {
        /// The primary key.
        primary_key: String,
        /// The document as it was sent, cut when long.
        document: String,
    },
    /// A document has several values under the primary key.
    #[error("a document has several values for the primary key `{primary_key}`: {document}")]
    SeveralDocumentIds {
        /// The primary key.
        primary_key: String,
        /// The document as it was sent, cut when long.
        document: String,
    },
    /// An id of a wrong type, length or spelling.
    #[error(
        "{value} is not a valid document id: an id is an integer, or 1 to 511 of the characters \
         a-z, A-Z, 0-9, `-` and `_`"
    )]
    InvalidDocumentId {
        /// The JSON text of the value, cut when long.
        value: String,
    },
    /// No field ids are left.
    #[error("an index holds at most 65,536 field names, nested names included")]
    TooManyFields,
    /// A value cannot be parsed, for example because it is nested too deep.
    #[error("the field `{field}` of a document cannot be read: {cause}")]
    UnreadableField {
        /// Name of the top-level field.
        field: String,
        /// What the parser says.
        cause: String,
    },
    /// `_geo` of a document is no point.
    #[error("`_geo` of the document `{document_id}` cannot be indexed: {fault}")]
    InvalidGeo {
        /// External id of the document.
        document_id: String,
        /// What is wrong.
        fault: GeoFault,
    },
    /// `_geojson` of a document is no shape.
    #[error("`_geojson` of the document `{document_id}` cannot be indexed: {cause}")]
    InvalidGeoJson {
        /// External id of the document.
        document_id: String,
        /// What is wrong.
        cause: String,
    },
    /// A shape that the grid over the globe cannot hold.
    #[error("a shape cannot be laid out on the globe: {cause}")]
    ImpossibleShape {
        /// What is wrong.
        cause: String,
    },
    /// `_vectors` of a document has a wrong shape.
    #[error("`_vectors{}` of the document `{document_id}` cannot be read: {cause}",
        embedder.as_ref().map(|name| format!(".{name}")).unwrap_or_default())]
    InvalidVectors {
        /// External id of the document.
        document_id: String,
        /// Name of the entry, when it is one entry that is wrong.
        embedder: Option<String>,
        /// What is wrong.
        cause: String,
    },
    /// A vector has not the length that its embedder asks for.
    #[error(
        "vector {number} of the document `{document_id}` for the embedder `{embedder}` has {found} \
         dimensions instead of {expected}"
    )]
    InvalidVectorDimensions {
        /// External id of the document.
        document_id: String,
        /// Name of the embedder.
        embedder: String,
        /// Place of the vector among those of the document, from 0.
        number: usize,
        /// Dimensions of the embedder.
        expected: usize,
        /// Dimensions of the vector.
        found: usize,
    },
}

impl ErrorCode for DocumentError {
    fn error_code(&self) -> Code {
        match self {
            DocumentError::PrimaryKeyNoCandidate => Code::IndexPrimaryKeyNoCandidateFound,
            DocumentError::PrimaryKeyMultipleCandidates { .. } => {
                Code::IndexPrimaryKeyMultipleCandidatesFound
            }
            DocumentError::PrimaryKeyAlreadyExists { .. } => Code::IndexPrimaryKeyAlreadyExists,
            DocumentError::MissingDocumentId { .. } => Code::MissingDocumentId,
            DocumentError::SeveralDocumentIds { .. } | DocumentError::InvalidDocumentId { .. } => {
                Code::InvalidDocumentId
            }
            DocumentError::UnreadableField { .. } => Code::MalformedPayload,
            DocumentError::TooManyFields => Code::MaxFieldsLimitExceeded,
            DocumentError::InvalidGeo { .. }
            | DocumentError::InvalidGeoJson { .. }
            | DocumentError::ImpossibleShape { .. } => Code::InvalidDocumentGeoField,
            DocumentError::InvalidVectors { .. } => Code::InvalidVectorsType,
            DocumentError::InvalidVectorDimensions { .. } => Code::InvalidVectorDimensions,
        }
    }
}

/// JSON text for a message: the beginning of it when it is long.
pub(super) fn excerpt(json: &str) -> String {
    const MAX_CHARS: usize = 200;
    match json.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json.to_owned(),
    }
}
