//! The LMDB environment `auth` with its two databases (storage-instance.md 9).

use std::path::Path;
use std::sync::Arc;

use heed::types::{Bytes, Str};
use heed::{Database, Env, EnvOpenOptions, RoTxn, RwTxn, WithoutTls};
use meilisearch_types::keys::{Action, Key};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::defaults::default_keys;
use crate::error::AuthStoreError;
use crate::{rights, secret};

/// Size of the memory map, in bytes: the most that the store can hold.
const MAP_SIZE: usize = 1 << 30;

/// Handle to the keys; cheap to clone.
#[derive(Clone)]
pub struct AuthStore {
    pub(crate) env: Env<WithoutTls>,
    /// Uid, as bytes, to the key as JSON.
    keys: Database<Bytes, Bytes>,
    /// See [`rights`].
    pub(crate) rights: Database<Bytes, Str>,
    pub(crate) master_key: Option<Arc<str>>,
}

impl AuthStore {
    /// Opens the store in this directory, made at need, and gives an empty one the default keys.
    ///
    /// Without a master key every route is open, except those that manage keys.
    pub fn open(directory: &Path, master_key: Option<&str>) -> Result<Self, AuthStoreError> {
        let opening = |source| AuthStoreError::Open { path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(|error| opening(error.into()))?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_SIZE).max_dbs(2);
        // SAFETY: only this program, which holds the data directory, writes the file; heed refuses
        // to open it a second time with other options.
        let env = unsafe { options.open(directory) }.map_err(opening)?;

        let mut wtxn = env.write_txn()?;
        let keys = env.create_database(&mut wtxn, Some("api-keys"))?;
        let rights = env.create_database(&mut wtxn, Some("keyid-action-index-expiration"))?;
        let store =
            AuthStore { env: env.clone(), keys, rights, master_key: master_key.map(Arc::from) };
        if store.keys.is_empty(&wtxn)? {
            for key in default_keys() {
                store.put(&mut wtxn, &key)?;
            }
        }
        wtxn.commit()?;
        Ok(store)
    }

    /// The secret of a key; empty without a master key.
    pub fn secret(&self, uid: Uuid) -> String {
        self.master_key.as_deref().map_or_else(String::new, |master| secret::derive(master, uid))
    }

    /// The environment, to be copied.
    pub fn env(&self) -> &Env<WithoutTls> {
        &self.env
    }

    /// Bytes of the file on disk.
    pub fn size(&self) -> Result<u64, AuthStoreError> {
        Ok(self.env.real_disk_size()?)
    }

    /// Bytes of the pages in use.
    pub fn used_size(&self) -> Result<u64, AuthStoreError> {
        Ok(self.env.non_free_pages_size()?)
    }

    /// Stores a key and its rights; those of an older key of the same uid go.
    pub(crate) fn put(&self, wtxn: &mut RwTxn<'_>, key: &Key) -> Result<(), AuthStoreError> {
        let json =
            serde_json::to_vec(key).map_err(|source| corrupted(key.uid.as_bytes(), source))?;
        self.keys.put(wtxn, key.uid.as_bytes(), &json)?;
        self.delete_rights(wtxn, key.uid)?;
        let expiration = rights::encode_expiration(key.expires_at);
        for entry in rights::entries(key) {
            self.rights.put(wtxn, &entry, &expiration)?;
        }
        Ok(())
    }

    /// Removes a key and its rights; tells whether it was there.
    pub(crate) fn remove(&self, wtxn: &mut RwTxn<'_>, uid: Uuid) -> Result<bool, AuthStoreError> {
        self.delete_rights(wtxn, uid)?;
        Ok(self.keys.delete(wtxn, uid.as_bytes())?)
    }

    /// Removes all keys and their rights.
    pub(crate) fn clear(&self, wtxn: &mut RwTxn<'_>) -> Result<(), AuthStoreError> {
        self.keys.clear(wtxn)?;
        Ok(self.rights.clear(wtxn)?)
    }

    fn delete_rights(&self, wtxn: &mut RwTxn<'_>, uid: Uuid) -> Result<(), AuthStoreError> {
        let entries = self.rights.prefix_iter(wtxn, uid.as_bytes())?;
        let entries: Vec<Vec<u8>> =
            entries.map(|entry| Ok(entry?.0.to_vec())).collect::<heed::Result<_>>()?;
        for entry in entries {
            self.rights.delete(wtxn, &entry)?;
        }
        Ok(())
    }

    /// The key of this uid.
    pub(crate) fn get(&self, rtxn: &RoTxn<'_>, uid: Uuid) -> Result<Option<Key>, AuthStoreError> {
        let json = self.keys.get(rtxn, uid.as_bytes())?;
        json.map(|json| parse(uid.as_bytes(), json)).transpose()
    }

    /// All keys, in order of their uids.
    pub(crate) fn all(&self, rtxn: &RoTxn<'_>) -> Result<Vec<Key>, AuthStoreError> {
        let keys = self.keys.iter(rtxn)?;
        keys.map(|entry| {
            entry.map_err(AuthStoreError::from).and_then(|(uid, json)| parse(uid, json))
        })
        .collect()
    }

    /// The uid of the key that has this secret.
    pub(crate) fn uid_of_secret(
        &self,
        rtxn: &RoTxn<'_>,
        presented: &str,
    ) -> Result<Option<Uuid>, AuthStoreError> {
        let (Some(master_key), Some(secret)) = (&self.master_key, secret::parse(presented)) else {
            return Ok(None);
        };
        for entry in self.keys.iter(rtxn)? {
            let (uid, _) = entry?;
            let Ok(uid) = Uuid::from_slice(uid) else { continue };
            if secret::belongs_to(&secret, master_key, uid) {
                return Ok(Some(uid));
            }
        }
        Ok(None)
    }

    /// When the right to one of upstream's actions ends, which the first fitting entry decides:
    /// the outer none is no right, the inner one no end.
    pub(crate) fn expiration_of_right(
        &self,
        rtxn: &RoTxn<'_>,
        uid: Uuid,
        action: Action,
        place: Place<'_>,
    ) -> Result<Option<Option<OffsetDateTime>>, AuthStoreError> {
        let decode = |value: &str| {
            let expiration = rights::decode_expiration(value.as_bytes());
            expiration.map(Some).ok_or(AuthStoreError::CorruptedRights { uid })
        };
        let everywhere = rights::prefix(uid, action);
        if let Some(value) = self.rights.get(rtxn, &everywhere)? {
            return decode(value);
        }
        if let Place::Index(index) = place
            && let Some(value) = self.rights.get(rtxn, &rights::entry(uid, action, index))?
        {
            return decode(value);
        }
        for entry in self.rights.prefix_iter(rtxn, &everywhere)? {
            let (entry, value) = entry?;
            let fits = match place {
                Place::Index(index) => {
                    let prefix = rights::pattern(entry).and_then(|text| text.strip_suffix('*'));
                    prefix.is_some_and(|prefix| index.starts_with(prefix))
                }
                Place::AnyIndex => true,
                Place::AllIndexes => false,
            };
            if fits {
                return decode(value);
            }
        }
        Ok(None)
    }
}

/// Where an action is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// On this index.
    Index(&'a str),
    /// On some index, which the handler will check.
    AnyIndex,
    /// On the whole server.
    AllIndexes,
}

fn parse(uid: &[u8], json: &[u8]) -> Result<Key, AuthStoreError> {
    serde_json::from_slice(json).map_err(|source| corrupted(uid, source))
}

fn corrupted(uid: &[u8], source: serde_json::Error) -> AuthStoreError {
    AuthStoreError::CorruptedKey { uid: hex::encode(uid), source }
}
