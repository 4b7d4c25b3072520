//! Requests about API keys, and keys as answers show them (http-api.md 13).

use deserr::{Deserr, ValuePointerRef};
use schemars::JsonSchema;
use serde::Serialize;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::{Action, Key};
use crate::deserr::{DeserrJsonError, Json, missing_field, unknown_field};
use crate::error::Code;
use crate::error::deserr_codes::*;
use crate::index_uid::IndexUidPattern;
use crate::schema::DateTime;
use crate::settings::Setting;

/// `POST /keys`.
#[derive(Debug, Clone, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateKey {
    /// What the key is for.
    #[deserr(default, error = DeserrJsonError<InvalidApiKeyDescription>)]
    pub description: Option<String>,
    /// A short name.
    #[deserr(default, error = DeserrJsonError<InvalidApiKeyName>)]
    pub name: Option<String>,
    /// Identity; random when not given.
    #[deserr(default = Uuid::new_v4(), error = DeserrJsonError<InvalidApiKeyUid>, try_from(&String) = parse_uid -> uuid::Error)]
    #[schemars(default, skip_serializing_if = "Uuid::is_nil")]
    pub uid: Uuid,
    /// What it allows.
    #[deserr(error = DeserrJsonError<InvalidApiKeyActions>, missing_field_error = missing_field::<Json, BadRequest, MissingApiKeyActions>)]
    pub actions: Vec<Action>,
    /// The indexes that it may touch.
    #[deserr(error = DeserrJsonError<InvalidApiKeyIndexes>, missing_field_error = missing_field::<Json, BadRequest, MissingApiKeyIndexes>)]
    pub indexes: Vec<IndexUidPattern>,
    /// End of its life, or null for none.
    #[deserr(error = DeserrJsonError<InvalidApiKeyExpiresAt>, try_from(Option<String>) = parse_expiration -> ExpirationError, missing_field_error = missing_field::<Json, BadRequest, MissingApiKeyExpiresAt>)]
    #[schemars(with = "Option<DateTime>")]
    pub expires_at: Option<OffsetDateTime>,
}

/// `PATCH /keys/{uid}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields = refuse_immutable)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateKey {
    /// New description, null for none.
    #[deserr(default, error = DeserrJsonError<InvalidApiKeyDescription>)]
    #[schemars(default)]
    pub description: Setting<String>,
    /// New name, null for none.
    #[deserr(default, error = DeserrJsonError<InvalidApiKeyName>)]
    #[schemars(default)]
    pub name: Setting<String>,
}

/// Members of a key that never change, with the codes that say so.
const IMMUTABLE: [(&str, Code); 6] = [
    ("uid", Code::ImmutableApiKeyUid),
    ("actions", Code::ImmutableApiKeyActions),
    ("indexes", Code::ImmutableApiKeyIndexes),
    ("expiresAt", Code::ImmutableApiKeyExpiresAt),
    ("createdAt", Code::ImmutableApiKeyCreatedAt),
    ("updatedAt", Code::ImmutableApiKeyUpdatedAt),
];

fn refuse_immutable(
    field: &str,
    accepted: &[&str],
    location: ValuePointerRef<'_>,
) -> DeserrJsonError {
    unknown_field(&IMMUTABLE, field, accepted, location)
}

fn parse_uid(text: &str) -> Result<Uuid, uuid::Error> {
    Uuid::parse_str(text)
}

/// An end of life that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpirationError {
    /// Not a date.
    #[error(
        "`{0}` is not a date: write it in the RFC 3339 form, as `YYYY-MM-DDThh:mm:ss`, `YYYY-MM-DD hh:mm:ss` or `YYYY-MM-DD`, or give null for a key that does not expire"
    )]
    Format(String),
    /// Not in the future.
    #[error("`{0}` has passed already, a key must expire in the future")]
    Past(String),
}

fn parse_expiration(text: Option<String>) -> Result<Option<OffsetDateTime>, ExpirationError> {
    const WITHOUT_OFFSET: [&[BorrowedFormatItem<'_>]; 2] = [
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"),
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"),
    ];
    const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

    let Some(text) = text else { return Ok(None) };
    let without_offset = |format: &&[BorrowedFormatItem<'_>]| {
        PrimitiveDateTime::parse(&text, format).ok().map(PrimitiveDateTime::assume_utc)
    };
    let date = OffsetDateTime::parse(&text, &Rfc3339)
        .ok()
        .or_else(|| WITHOUT_OFFSET.iter().find_map(without_offset))
        .or_else(|| Date::parse(&text, DAY).ok().map(|day| day.midnight().assume_utc()));
    match date {
        Some(date) if date > OffsetDateTime::now_utc() => Ok(Some(date)),
        Some(_) => Err(ExpirationError::Past(text)),
        None => Err(ExpirationError::Format(text)),
    }
}

/// A key as answers show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of http-api.md 13")]
pub struct KeyView {
    pub name: Option<String>,
    pub description: Option<String>,
    /// The secret, which derives from the master key and the uid.
    pub key: String,
    pub uid: Uuid,
    pub actions: Vec<Action>,
    pub indexes: Vec<IndexUidPattern>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub updated_at: OffsetDateTime,
}

impl KeyView {
    /// The view of a key with its secret.
    pub fn new(key: Key, secret: String) -> Self {
        KeyView {
            name: key.name,
            description: key.description,
            key: secret,
            uid: key.uid,
            actions: key.actions,
            indexes: key.indexes,
            expires_at: key.expires_at,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ErrorCode;

    fn create(body: Value) -> Result<CreateKey, Code> {
        deserr::deserialize(body).map_err(|error: DeserrJsonError| error.error_code())
    }

    #[test]
    fn creation() {
        let key = create(json!({"actions": ["search", "snapshots.import"], "indexes": ["mov*"], "expiresAt": "2999-01-02T03:04:05+02:00", "uid": "7D21E800741f41869c12453842e06f7d"})).unwrap();
        assert_eq!(key.actions, [Action::Search, Action::SnapshotsImport]);
        assert_eq!(key.uid.to_string(), "7d21e800-741f-4186-9c12-453842e06f7d");
        assert_eq!(key.expires_at.unwrap().offset().whole_hours(), 2);
        for date in
            ["2999-01-02T03:04:05", "2999-01-02 03:04:05", "2999-01-02", "2999-01-02T03:04:05.5Z"]
        {
            let key = create(json!({"actions": [], "indexes": [], "expiresAt": date})).unwrap();
            assert_eq!(key.expires_at.unwrap().year(), 2999);
        }
    }

    #[test]
    fn refusals_of_creation() {
        let with = |field: &str, value: Value| {
            let mut body = json!({"actions": ["*"], "indexes": ["*"], "expiresAt": null});
            body[field] = value;
            create(body).map(|_| ())
        };
        assert_eq!(with("name", json!(null)), Ok(()));
        for (field, value, code) in [
            ("name", json!(1), Code::InvalidApiKeyName),
            ("description", json!([]), Code::InvalidApiKeyDescription),
            ("uid", json!(null), Code::InvalidApiKeyUid),
            ("uid", json!("x"), Code::InvalidApiKeyUid),
            ("actions", json!(["docs"]), Code::InvalidApiKeyActions),
            ("actions", json!(null), Code::InvalidApiKeyActions),
            ("indexes", json!(["a b"]), Code::InvalidApiKeyIndexes),
            ("expiresAt", json!("2000-01-01"), Code::InvalidApiKeyExpiresAt),
            ("expiresAt", json!("soon"), Code::InvalidApiKeyExpiresAt),
            ("expiresAt", json!(1), Code::InvalidApiKeyExpiresAt),
            ("unknown", json!(1), Code::BadRequest),
        ] {
            assert_eq!(with(field, value), Err(code), "{field}");
        }
        for (body, code) in [
            (json!({"indexes": [], "expiresAt": null}), Code::MissingApiKeyActions),
            (json!({"actions": [], "expiresAt": null}), Code::MissingApiKeyIndexes),
            (json!({"actions": [], "indexes": []}), Code::MissingApiKeyExpiresAt),
            (json!([]), Code::BadRequest),
        ] {
            assert_eq!(create(body).map(|_| ()), Err(code));
        }
    }

    #[test]
    fn update() {
        let update = |body: Value| -> Result<UpdateKey, Code> {
            deserr::deserialize(body).map_err(|error: DeserrJsonError| error.error_code())
        };
        let change = update(json!({"name": null, "description": "d"})).unwrap();
        assert_eq!((change.name, change.description), (Setting::Reset, Setting::Set("d".into())));
        assert_eq!(update(json!({"expiresAt": null})), Err(Code::ImmutableApiKeyExpiresAt));
        assert_eq!(update(json!({"uid": "x"})), Err(Code::ImmutableApiKeyUid));
        assert_eq!(update(json!({"key": "x"})), Err(Code::BadRequest));
        assert_eq!(update(json!({"name": 1})), Err(Code::InvalidApiKeyName));
    }
}
