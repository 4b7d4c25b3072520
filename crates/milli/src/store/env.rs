//! One index = one LMDB environment (storage-index.md section 2): create, open, transactions, close.

use std::path::Path;

use heed::{EnvClosingEvent, EnvFlags, EnvOpenOptions, WithoutTls};
use time::OffsetDateTime;

use super::tables::Tables;
use crate::codec::Version;
use crate::error::{Error, InternalError, Result};
use crate::limits::MAX_DATABASES;

/// An environment whose read transactions are not bound to a thread.
pub type Env = heed::Env<WithoutTls>;
/// What functions that read take: a read transaction or, by deref, a write transaction.
pub type RoTxn<'t> = heed::RoTxn<'t>;
/// An own read transaction, free to move between threads.
pub type ReadTxn<'t> = heed::RoTxn<'t, WithoutTls>;
/// A write transaction; dropped without commit it leaves no trace.
pub type RwTxn<'t> = heed::RwTxn<'t>;

/// How to open an index's environment.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// Size of the memory map in bytes, a multiple of the page size. It bounds the index's growth.
    pub map_size: usize,
    /// Read transactions that may be open at once.
    pub max_readers: u32,
    /// Map the file writable: less memory while indexing, a sparse file as long as the map.
    pub write_map: bool,
}

/// A handle on one index; clones share the environment.
#[derive(Clone)]
pub struct Index {
    env: Env,
    tables: Tables,
}

impl Index {
    /// Creates the environment of a new index in an existing directory.
    ///
    /// All databases and the version are one commit, the dates a second one; the dates are kept when
    /// there are some already, so that creating twice is harmless.
    ///
    /// # Errors
    /// The directory cannot be written, or LMDB fails.
    pub fn create(
        dir: &Path,
        options: &OpenOptions,
        created_at: OffsetDateTime,
        updated_at: OffsetDateTime,
    ) -> Result<Index> {
        let env = open_env(dir, options)?;
        let mut wtxn = env.write_txn()?;
        let tables = Tables::create(&env, &mut wtxn)?;
        let index = Index { env: env.clone(), tables };
        index.put_version(&mut wtxn, Version::from(meilisearch_types::versioning::VERSION))?;
        index.put_vector_store_backend(&mut wtxn)?;
        wtxn.commit()?;

        let mut wtxn = index.env.write_txn()?;
        if index.created_at_if_any(&wtxn)?.is_none() {
            index.put_created_at(&mut wtxn, created_at)?;
            index.put_updated_at(&mut wtxn, updated_at)?;
        }
        wtxn.commit()?;
        drop(env);
        Ok(index)
    }

    /// Opens an existing index; databases that a newer release added are made when missing.
    ///
    /// # Errors
    /// There is no `data.mdb` in `dir`, it is no LMDB file, or LMDB fails.
    pub fn open(dir: &Path, options: &OpenOptions) -> Result<Index> {
        let data = dir.join("data.mdb");
        if !data.is_file() {
            return Err(InternalError::MissingDataFile { path: data }.into());
        }
        let env = open_env(dir, options)?;
        let rtxn = env.read_txn()?;
        let found = Tables::open(&env, &rtxn)?;
        // The handles live on only if the transaction that opened them is committed.
        rtxn.commit()?;
        let tables = match found {
            Some(tables) => tables,
            None => {
                let mut wtxn = env.write_txn()?;
                let tables = Tables::create(&env, &mut wtxn)?;
                wtxn.commit()?;
                tables
            }
        };
        Ok(Index { env, tables })
    }

    /// The handle on databases that the caller has opened.
    pub(super) fn from_parts(env: Env, tables: Tables) -> Index {
        Index { env, tables }
    }

    /// Starts a read transaction: a view that no later commit changes.
    ///
    /// # Errors
    /// Too many readers, or LMDB fails.
    pub fn read_txn(&self) -> Result<ReadTxn<'_>> {
        Ok(self.env.read_txn()?)
    }

    /// Starts the write transaction; waits while another one is open.
    ///
    /// # Errors
    /// LMDB fails.
    pub fn write_txn(&self) -> Result<RwTxn<'_>> {
        Ok(self.env.write_txn()?)
    }

    /// The environment, for copying it as a whole.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The typed databases.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The index's directory.
    pub fn path(&self) -> &Path {
        self.env.path()
    }

    /// Size of the memory map in bytes.
    pub fn map_size(&self) -> usize {
        self.env.info().map_size
    }

    /// Gives the handle up; the event fires when the last clone is gone and the files are closed.
    pub fn prepare_for_closing(self) -> EnvClosingEvent {
        self.env.prepare_for_closing()
    }
}

fn open_env(dir: &Path, options: &OpenOptions) -> Result<Env> {
    let mut open = EnvOpenOptions::new().read_txn_without_tls();
    open.map_size(options.map_size).max_readers(options.max_readers).max_dbs(MAX_DATABASES);
    if options.write_map {
        // SAFETY: with a writable map a stray write of this process could corrupt the file; the
        // operator asked for it, and no code here keeps raw pointers into the map.
        unsafe { open.flags(EnvFlags::WRITE_MAP) };
    }
    // SAFETY: the file must not be changed by others while it is mapped. The index mapper is the only
    // one that opens this directory, once, and LMDB's lock file guards it against other processes.
    unsafe { open.open(dir) }
        .map_err(|source| Error::from(InternalError::OpenEnvironment { path: dir.into(), source }))
}

/// Opens an existing environment for reading only: nothing in its data file can change.
pub(super) fn open_env_read_only(dir: &Path, map_size: usize) -> Result<Env> {
    let data = dir.join("data.mdb");
    if !data.is_file() {
        return Err(InternalError::MissingDataFile { path: data }.into());
    }
    let mut open = EnvOpenOptions::new().read_txn_without_tls();
    open.map_size(map_size).max_dbs(MAX_DATABASES);
    // SAFETY: nothing is written through this map, and a server that may have the directory open at the
    // same time is kept apart by LMDB's lock file.
    unsafe { open.flags(EnvFlags::READ_ONLY) };
    // SAFETY: as above; the file must not be truncated by others while it is mapped.
    unsafe { open.open(dir) }
        .map_err(|source| Error::from(InternalError::OpenEnvironment { path: dir.into(), source }))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const OPTIONS: OpenOptions =
        OpenOptions { map_size: 100 << 20, max_readers: 16, write_map: false };

    #[test]
    fn a_new_index_holds_all_databases_and_the_four_first_keys() {
        let dir = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let index = Index::create(dir.path(), &OPTIONS, now, now).unwrap();
        let rtxn = index.read_txn().unwrap();
        let keys: Vec<_> = index
            .tables()
            .main
            .remap_data_type::<heed::types::DecodeIgnore>()
            .iter(&rtxn)
            .unwrap()
            .map(|entry| entry.unwrap().0.to_owned())
            .collect();
        assert_eq!(keys, ["created-at", "updated-at", "vector_store_backend", "version"]);
        assert_eq!(index.version(&rtxn).unwrap(), Some(Version::from((1, 50, 0))));
        assert_eq!(index.created_at(&rtxn).unwrap(), now);
        assert_eq!(Tables::NAMES.len(), 30);
        drop(rtxn);

        index.prepare_for_closing().wait();
        let index = Index::open(dir.path(), &OPTIONS).unwrap();
        assert_eq!(index.number_of_documents(&index.read_txn().unwrap()).unwrap(), 0);
    }

    #[test]
    fn an_empty_directory_is_no_index() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Index::open(dir.path(), &OPTIONS).is_err());
        assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }
}
