//! The decision on a request (operations.md 14):
//!
//! 1. the header gives a token ([`bearer_token`]);
//! 2. without a master key all but the management of keys is open; the master key may do all;
//! 3. the token must be a tenant token, where the action is open to these, or the secret of a key;
//! 4. the index of the path must be one of the tenant token's and of the key's;
//! 5. the key must hold the action there, and not have expired.

use meilisearch_types::index_uid::IndexUidPattern;
use meilisearch_types::keys::{Action, Key, Scope};
use serde_json::Value;
use time::OffsetDateTime;

use crate::error::AuthError;
use crate::secret;
use crate::store::{AuthStore, Place};
use crate::tenant_token::{self, SearchRules};

/// Reads the value of an `Authorization` header.
pub fn bearer_token(header: &[u8]) -> Result<&str, AuthError> {
    let is_visible = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    let text = std::str::from_utf8(header).ok().filter(|text| text.bytes().all(is_visible));
    let text = text.ok_or(AuthError::MissingAuthorizationHeader)?;
    match text.split_once(' ') {
        Some(("Bearer", token)) => Ok(token),
        None if text == "Bearer" => Err(AuthError::InvalidApiKey),
        _ => Err(AuthError::MissingAuthorizationHeader),
    }
}

/// What a request that was let in may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFilter {
    /// The patterns of the key; none for the master key and on an open server.
    indexes: Option<Vec<IndexUidPattern>>,
    /// Whether the key may create indexes, those it may touch.
    creates_indexes: bool,
    /// The narrower limits of a tenant token.
    search_rules: Option<SearchRules>,
}

impl AuthFilter {
    /// No limits.
    pub fn unlimited() -> Self {
        AuthFilter { indexes: None, creates_indexes: true, search_rules: None }
    }

    /// Whether the request may touch this index.
    pub fn is_index_authorized(&self, uid: &str) -> bool {
        let by_key = match &self.indexes {
            Some(patterns) => patterns.iter().any(|pattern| pattern.matches(uid)),
            None => true,
        };
        by_key && self.search_rules.as_ref().is_none_or(|rules| rules.authorise(uid))
    }

    /// The filter that every document of this index must pass to be found, whatever else the request
    /// asks for: that of its tenant token.
    pub fn search_filter(&self, uid: &str) -> Option<&Value> {
        self.search_rules.as_ref()?.filter(uid)
    }

    /// Whether a write of this request may create this index.
    pub fn allow_index_creation(&self, uid: &str) -> bool {
        self.creates_indexes && self.is_index_authorized(uid)
    }

    /// Whether the request may touch every index.
    pub fn all_indexes_authorized(&self) -> bool {
        let by_key = match &self.indexes {
            Some(patterns) => patterns.iter().any(IndexUidPattern::matches_all),
            None => true,
        };
        by_key && self.search_rules.as_ref().is_none_or(SearchRules::authorise_all)
    }
}

impl AuthStore {
    /// Decides on a request: the token that it carries, the action of its route, and the index in
    /// its path.
    pub fn authorise(
        &self,
        token: Option<&str>,
        action: Action,
        index: Option<&str>,
    ) -> Result<AuthFilter, AuthError> {
        let token = token.unwrap_or_default();
        let Some(master_key) = &self.master_key else {
            return match action.is_on_keys() {
                true => Err(AuthError::MissingMasterKey),
                false => Ok(AuthFilter::unlimited()),
            };
        };
        if secret::equal(token, master_key) {
            return Ok(AuthFilter::unlimited());
        }
        if token.is_empty() {
            return Err(AuthError::MissingAuthorizationHeader);
        }
        let rtxn = self.env.read_txn().map_err(crate::AuthStoreError::from)?;
        let (uid, search_rules) =
            if action.is_open_to_tenants() && tenant_token::looks_like_one(token) {
                let now = OffsetDateTime::now_utc();
                let claims = tenant_token::verify(token, |uid| self.secret(uid), now)?;
                (claims.api_key_uid, Some(claims.search_rules))
            } else {
                (self.uid_of_secret(&rtxn, token)?.ok_or(AuthError::InvalidApiKey)?, None)
            };
        let key = self.get(&rtxn, uid)?.ok_or(AuthError::InvalidApiKey)?;
        if let Some(index) = index {
            check_index(&key, search_rules.as_ref(), index)?;
        }
        if !self.holds(&rtxn, &key, action, index)? {
            return Err(AuthError::InvalidApiKey);
        }
        let creates_indexes = self.holds(&rtxn, &key, Action::IndexesCreate, None)?;
        Ok(AuthFilter { indexes: Some(key.indexes), creates_indexes, search_rules })
    }

    /// Whether the key holds the action on the index, or, without one, wherever its scope lets the
    /// handler decide. The index is one of the key's.
    fn holds(
        &self,
        rtxn: &heed::RoTxn<'_>,
        key: &Key,
        action: Action,
        index: Option<&str>,
    ) -> Result<bool, AuthError> {
        let place = match index {
            Some(index) => Place::Index(index),
            None if action.scope() == Scope::Handler => Place::AnyIndex,
            None => Place::AllIndexes,
        };
        let expiration = if action.is_ours() {
            // Keys made by upstream have no entries for them: the list of actions decides.
            let listed = key.actions.iter().any(|held| held.grants_ours(action));
            let here = match place {
                Place::Index(_) => true,
                Place::AnyIndex => !key.indexes.is_empty(),
                Place::AllIndexes => key.indexes.iter().any(IndexUidPattern::matches_all),
            };
            (listed && here).then_some(key.expires_at)
        } else {
            self.expiration_of_right(rtxn, key.uid, action, place)?
        };
        Ok(expiration.is_some_and(|end| end.is_none_or(|end| end > OffsetDateTime::now_utc())))
    }
}

/// Refuses an index that the rules of a tenant token or the key's patterns do not hold.
fn check_index(
    key: &Key,
    search_rules: Option<&SearchRules>,
    index: &str,
) -> Result<(), AuthError> {
    let refused = || index.to_owned();
    if let Some(rules) = search_rules
        && !rules.authorise(index)
    {
        let allowed = Some(rules.listed());
        return Err(AuthError::IndexRefusedToTenant { index: refused(), allowed });
    }
    if key.indexes.iter().any(|pattern| pattern.matches(index)) {
        return Ok(());
    }
    if search_rules.is_some() {
        return Err(AuthError::IndexRefusedToTenant { index: refused(), allowed: None });
    }
    let mut allowed: Vec<String> = key.indexes.iter().cloned().map(String::from).collect();
    allowed.sort();
    Err(AuthError::IndexRefused { index: refused(), allowed })
}
