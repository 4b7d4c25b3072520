//! Creation, change, deletion and listing of keys (operations.md 12).

use meilisearch_types::keys::{CreateKey, Key, Scope, UpdateKey};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::AuthStoreError;
use crate::store::AuthStore;

impl AuthStore {
    /// Creates a key.
    pub fn create_key(&self, new: CreateKey) -> Result<Key, AuthStoreError> {
        let limited = !new.indexes.is_empty() && !new.indexes.iter().any(|p| p.matches_all());
        if limited {
            let actions = new.actions.iter().filter(|action| action.scope() == Scope::Global);
            let actions: Vec<_> = actions.map(|action| action.name()).collect();
            if !actions.is_empty() {
                return Err(AuthStoreError::GlobalActions { actions });
            }
        }
        let now = OffsetDateTime::now_utc();
        let key = Key {
            description: new.description,
            name: new.name,
            uid: new.uid,
            actions: new.actions,
            indexes: new.indexes,
            expires_at: new.expires_at,
            created_at: now,
            updated_at: now,
        };
        let mut wtxn = self.env.write_txn()?;
        if self.get(&wtxn, key.uid)?.is_some() {
            return Err(AuthStoreError::AlreadyExists(key.uid));
        }
        self.put(&mut wtxn, &key)?;
        wtxn.commit()?;
        Ok(key)
    }

    /// Puts these keys, as they are, in the place of all.
    pub fn replace_keys(&self, keys: &[Key]) -> Result<(), AuthStoreError> {
        let mut wtxn = self.env.write_txn()?;
        self.clear(&mut wtxn)?;
        for key in keys {
            self.put(&mut wtxn, key)?;
        }
        wtxn.commit()?;
        Ok(())
    }

    /// Changes the name or the description of a key.
    pub fn update_key(&self, uid_or_key: &str, change: UpdateKey) -> Result<Key, AuthStoreError> {
        let mut wtxn = self.env.write_txn()?;
        let mut key = self.find(&wtxn, uid_or_key)?;
        change.name.apply_to(&mut key.name);
        change.description.apply_to(&mut key.description);
        key.updated_at = OffsetDateTime::now_utc();
        self.put(&mut wtxn, &key)?;
        wtxn.commit()?;
        Ok(key)
    }

    /// Deletes a key.
    pub fn delete_key(&self, uid_or_key: &str) -> Result<(), AuthStoreError> {
        let mut wtxn = self.env.write_txn()?;
        let uid = self.find(&wtxn, uid_or_key)?.uid;
        self.remove(&mut wtxn, uid)?;
        wtxn.commit()?;
        Ok(())
    }

    /// The key of this uid, in any form, or else of this secret.
    pub fn key(&self, uid_or_key: &str) -> Result<Key, AuthStoreError> {
        let rtxn = self.env.read_txn()?;
        self.find(&rtxn, uid_or_key)
    }

    /// All keys, newest first, expired ones too.
    pub fn list_keys(&self) -> Result<Vec<Key>, AuthStoreError> {
        let rtxn = self.env.read_txn()?;
        let mut keys = self.all(&rtxn)?;
        keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        Ok(keys)
    }

    fn find(&self, rtxn: &heed::RoTxn<'_>, uid_or_key: &str) -> Result<Key, AuthStoreError> {
        let uid = match Uuid::parse_str(uid_or_key) {
            Ok(uid) => Some(uid),
            Err(_) => self.uid_of_secret(rtxn, uid_or_key)?,
        };
        let key = uid.map(|uid| self.get(rtxn, uid)).transpose()?.flatten();
        key.ok_or_else(|| AuthStoreError::NotFound(uid_or_key.to_owned()))
    }
}
