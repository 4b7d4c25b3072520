//! Names of indexes → UUIDs → open environments. The only place that knows where an index lies.
//!
//! A look-up takes two steps: the name is looked up in the queue's environment, then the UUID in
//! the [`open_set`]. Between the two the index may have been deleted or replaced; the look-up then
//! reads the mapping again in a new transaction and tries again if it has changed.
//!
//! What changes a mapping is an [`Effect`]. It is applied inside the write transaction that also
//! writes the outcome of the tasks (`queue/commit.rs`), so that a crash leaves both or neither;
//! what must follow that commit (markers, background deletion) is done by [`Applied::committed`].
//!
//! - [`budget`]: how large the maps are and how many may be open;
//! - [`directories`]: directories that nobody sees, their markers, start-up clean-up;
//! - [`open_set`]: which environments are open, pinned, closing.

pub(crate) mod budget;
pub(crate) mod directories;
pub(crate) mod open_set;

use std::path::{Path, PathBuf};
use std::time::Duration;

use heed::{RoTxn, RwTxn};
use meilisearch_types::index_uid::is_reserved;
use meilisearch_types::tasks::{IndexSwap, TaskId};
use milli::{Index, IndexStats, OpenOptions};
use time::OffsetDateTime;
use uuid::Uuid;

use self::budget::Budget;
use self::directories::NewDirectory;
use self::open_set::{OpenSet, PinnedIndex, Room};
use crate::error::{Error, Result};
use crate::processing::Older;
use crate::queue::tables::{Env, Tables};

/// What a full map grows by, in bytes.
const MAP_GROWTH_BYTES: usize = 10 << 30;
/// How long an environment that only one batch has seen may take to close.
const MAX_CLOSING_WAIT: Duration = Duration::from_secs(60);

/// A change of the mapping that becomes visible together with the outcome of its tasks.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The name leads to this index from now on; an index that it led to before is deleted.
    Register { uid: String, directory: NewDirectory, stats: Box<IndexStats> },
    /// The name leads nowhere from now on and its index is deleted.
    Unregister { uid: String },
    /// Names exchange their indexes or, with `rename`, one name replaces the other; so they do in
    /// the tasks older than the one that asks for it.
    Swap { swaps: Vec<IndexSwap>, by: TaskId },
    /// The index was changed and these are its new statistics.
    Stats { uuid: Uuid, stats: Box<IndexStats> },
}

/// What is left to do once the transaction of an [`Effect`] is committed.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Applied {
    registered: Vec<NewDirectory>,
    deleted: Vec<Uuid>,
}

/// Shared handle on all indexes.
#[derive(Clone)]
pub(crate) struct IndexMapper {
    env: Env,
    tables: Tables,
    dir: PathBuf,
    options: OpenOptions,
    open: OpenSet,
}

impl IndexMapper {
    /// The indexes in the existing directory `dir`, with the mapping of the given queue. Removes
    /// what a killed server left half done.
    pub(crate) fn open(
        env: Env,
        tables: Tables,
        dir: &Path,
        budget: &Budget,
        max_readers: u32,
        write_map: bool,
    ) -> Result<IndexMapper> {
        let rtxn = env.read_txn()?;
        let mapped = tables
            .index_mapping
            .iter(&rtxn)?
            .map(|entry| Ok(entry?.1))
            .collect::<Result<std::collections::HashSet<Uuid>>>()?;
        drop(rtxn);
        if let Err(error) = directories::clean_up(dir, |uuid| mapped.contains(&uuid)) {
            tracing::warn!("the next start of the server will try again: {error}");
        }
        Ok(IndexMapper {
            env,
            tables,
            dir: dir.to_path_buf(),
            options: OpenOptions { map_size: budget.index_map_size, max_readers, write_map },
            open: OpenSet::new(budget.max_open_indexes),
        })
    }

    /// UUID of an index, none when there is no such index.
    pub(crate) fn uuid(&self, rtxn: &RoTxn<'_>, uid: &str) -> Result<Option<Uuid>> {
        Ok(self.tables.index_mapping.get(rtxn, uid)?)
    }

    /// Uids of all indexes of users, ascending.
    pub(crate) fn names(&self, rtxn: &RoTxn<'_>) -> Result<Vec<String>> {
        let mut names = self.all_names(rtxn)?;
        names.retain(|uid| !is_reserved(uid));
        Ok(names)
    }

    /// Uids of all indexes, the server's own among them, ascending.
    pub(crate) fn all_names(&self, rtxn: &RoTxn<'_>) -> Result<Vec<String>> {
        let mapping = self.tables.index_mapping.iter(rtxn)?;
        mapping.map(|entry| Ok(entry?.0.to_owned())).collect()
    }

    /// The index of that name, opened when it is not yet.
    pub(crate) fn index(&self, uid: &str) -> Result<Index> {
        self.look_up(uid, |uuid| self.open.get(uuid, self.opener(uid, uuid)))
    }

    /// As [`IndexMapper::index`], and it stays open until the pin is dropped.
    pub(crate) fn pin(&self, uid: &str) -> Result<PinnedIndex> {
        self.look_up(uid, |uuid| self.open.pin(uuid, self.opener(uid, uuid)))
    }

    /// As [`IndexMapper::pin`], for a name that led to that UUID in an older view of the names. The caller's
    /// batch is as old as the view, so the index is not deleted yet.
    pub(crate) fn pin_as_seen(&self, uid: &str, uuid: Uuid) -> Result<PinnedIndex> {
        self.open.pin(uuid, self.opener(uid, uuid))
    }

    fn look_up<T>(&self, uid: &str, find: impl Fn(Uuid) -> Result<T>) -> Result<T> {
        let mapped = |uid| {
            let rtxn = self.env.read_txn()?;
            self.uuid(&rtxn, uid)?.ok_or_else(|| Error::IndexNotFound(String::from(uid)))
        };
        let mut uuid = mapped(uid)?;
        loop {
            match find(uuid) {
                Err(error) => match mapped(uid)? {
                    newer if newer != uuid => uuid = newer,
                    _ => return Err(error),
                },
                found => return found,
            }
        }
    }

    fn opener(&self, uid: &str, uuid: Uuid) -> impl FnOnce(Option<usize>) -> Result<Index> {
        move |map_size| {
            let map_size = map_size.unwrap_or(self.options.map_size);
            Index::open(&self.path(uuid), &OpenOptions { map_size, ..self.options })
                .map_err(Error::index(uid))
        }
    }

    fn path(&self, uuid: Uuid) -> PathBuf {
        self.dir.join(uuid.to_string())
    }

    /// How indexes are opened; for those that are not registered yet.
    pub(crate) fn open_options(&self) -> OpenOptions {
        self.options
    }

    /// Leaves address space for an environment that is opened by the caller, not yet registered, until the
    /// guard is dropped. `must_stop` ends the waiting for it.
    pub(crate) fn make_room(&self, must_stop: &dyn Fn() -> bool) -> Result<Room> {
        self.open.make_room(must_stop)
    }

    /// A directory for an index that nobody sees yet.
    pub(crate) fn new_directory(&self) -> Result<NewDirectory> {
        NewDirectory::create(&self.dir)
    }

    /// Makes an empty index ready to be registered, after `prepare` did what it wants to it.
    pub(crate) fn new_index(
        &self,
        uid: &str,
        created_at: OffsetDateTime,
        prepare: impl FnOnce(&Index) -> Result<()>,
    ) -> Result<Effect> {
        if is_reserved(uid) {
            return Err(Error::ReservedIndexUid(uid.to_owned()));
        }
        self.prepare_index(uid, created_at, prepare)
    }

    /// Makes the empty index of a dump ready to be registered, one of the server's own as well.
    pub(crate) fn new_dumped_index(&self, uid: &str, created_at: OffsetDateTime) -> Result<Effect> {
        self.prepare_index(uid, created_at, |_| Ok(()))
    }

    fn prepare_index(
        &self,
        uid: &str,
        created_at: OffsetDateTime,
        prepare: impl FnOnce(&Index) -> Result<()>,
    ) -> Result<Effect> {
        let directory = self.new_directory()?;
        let index = Index::create(directory.path(), &self.options, created_at, created_at)
            .map_err(Error::index(uid))?;
        prepare(&index)?;
        let stats = self.compute_stats(uid, &index)?;
        close(directory.uuid(), index)?;
        Ok(Effect::Register { uid: uid.to_owned(), directory, stats: Box::new(stats) })
    }

    /// Creates an empty index, visible at once, unless it exists.
    pub(crate) fn create_if_missing(&self, uid: &str, created_at: OffsetDateTime) -> Result<()> {
        let rtxn = self.env.read_txn()?;
        if self.uuid(&rtxn, uid)?.is_some() {
            return Ok(());
        }
        drop(rtxn);
        self.commit_alone(self.new_index(uid, created_at, |_| Ok(()))?)
    }

    /// Commits a change of the mapping that belongs to no task and deletes no index.
    pub(crate) fn commit_alone(&self, effect: Effect) -> Result<()> {
        let mut wtxn = self.env.write_txn()?;
        let mut applied = Applied::default();
        self.apply(&mut wtxn, effect, &mut applied)?;
        wtxn.commit()?;
        // Nothing is deleted, so nobody has to be waited for.
        applied.committed(self, Older::default());
        Ok(())
    }

    /// Writes a change of the mapping into the transaction that is about to be committed.
    pub(crate) fn apply(
        &self,
        wtxn: &mut RwTxn<'_>,
        effect: Effect,
        applied: &mut Applied,
    ) -> Result<()> {
        let Tables { index_mapping, index_stats, .. } = self.tables;
        match effect {
            Effect::Register { uid, directory, stats } => {
                directory.sync()?;
                applied.deleted.extend(self.unmap(wtxn, &uid)?);
                index_mapping.put(wtxn, &uid, &directory.uuid())?;
                index_stats.put(wtxn, &directory.uuid(), &stats)?;
                applied.registered.push(directory);
            }
            Effect::Unregister { uid } => applied.deleted.extend(self.unmap(wtxn, &uid)?),
            Effect::Swap { swaps, .. } => {
                for swap in swaps {
                    self.swap(wtxn, &swap)?;
                }
            }
            Effect::Stats { uuid, stats } => index_stats.put(wtxn, &uuid, &stats)?,
        }
        Ok(())
    }

    fn unmap(&self, wtxn: &mut RwTxn<'_>, uid: &str) -> Result<Option<Uuid>> {
        let Some(uuid) = self.uuid(wtxn, uid)? else { return Ok(None) };
        directories::mark_deleting(&self.path(uuid))?;
        self.tables.index_stats.delete(wtxn, &uuid)?;
        self.tables.index_mapping.delete(wtxn, uid)?;
        Ok(Some(uuid))
    }

    fn swap(&self, wtxn: &mut RwTxn<'_>, swap: &IndexSwap) -> Result<()> {
        let mapping = self.tables.index_mapping;
        let (left, right) = &swap.indexes;
        let uuid_of = |wtxn: &RwTxn<'_>, uid: &String| {
            self.uuid(wtxn, uid)?.ok_or_else(|| Error::IndexNotFound(uid.clone()))
        };
        let left_uuid = uuid_of(wtxn, left)?;
        if swap.rename {
            if self.uuid(wtxn, right)?.is_some() {
                return Err(Error::IndexAlreadyExists(right.clone()));
            }
            mapping.delete(wtxn, left)?;
        } else {
            let right_uuid = uuid_of(wtxn, right)?;
            mapping.put(wtxn, left, &right_uuid)?;
        }
        mapping.put(wtxn, right, &left_uuid)?;
        Ok(())
    }

    /// The directory of an index, none when there is no such index.
    pub(crate) fn directory(&self, rtxn: &RoTxn<'_>, uid: &str) -> Result<Option<PathBuf>> {
        Ok(self.uuid(rtxn, uid)?.map(|uuid| self.path(uuid)))
    }

    /// Closes an index once nothing uses it, lets `change` work on its files, and opens it again.
    /// Look-ups wait meanwhile.
    pub(crate) fn reopen(
        &self,
        uid: &str,
        uuid: Uuid,
        change: impl FnOnce() -> Result<()>,
    ) -> Result<Index> {
        self.open.reopen(uuid, change, self.opener(uid, uuid))
    }

    /// Closes an index whose map is full, so that it opens again with a larger one.
    pub(crate) fn grow(&self, uuid: Uuid, map_size: usize) -> Result<()> {
        self.open.resize(uuid, map_size.saturating_add(MAP_GROWTH_BYTES))
    }

    /// Statistics as they are stored, or computed when there are none.
    pub(crate) fn stats(&self, rtxn: &RoTxn<'_>, uid: &str) -> Result<IndexStats> {
        let uuid = self.uuid(rtxn, uid)?.ok_or_else(|| Error::IndexNotFound(uid.to_owned()))?;
        match self.tables.index_stats.get(rtxn, &uuid)? {
            Some(stats) => Ok(stats),
            None => self.compute_stats(uid, &self.index(uid)?),
        }
    }

    /// Statistics of an index as it is now.
    pub(crate) fn compute_stats(&self, uid: &str, index: &Index) -> Result<IndexStats> {
        index.read_txn().and_then(|rtxn| index.stats(&rtxn)).map_err(Error::index(uid))
    }

    /// Closes all environments; for the end of the server.
    pub(crate) fn close_all(&self) -> Result<()> {
        self.open.close_all()
    }

    /// Deletes, in a thread of its own, an index that no name leads to any more, once no batch runs that
    /// may hold an older view of the names.
    fn delete_in_background(&self, uuid: Uuid, older: Older) {
        let (open, path) = (self.open.clone(), self.path(uuid));
        let delete = move || {
            older.wait();
            open.forbid(uuid);
            if let Err(error) =
                open.wait_gone(uuid).and_then(|()| directories::remove_deleted(&path))
            {
                tracing::error!("the next start of the server will try again: {error}");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("index-deleter".into()).spawn(delete) {
            tracing::error!("index {uuid} will be deleted at the next start: {error}");
        }
    }
}

impl Applied {
    /// To be called right after the commit, with the batches that run on.
    pub(crate) fn committed(self, mapper: &IndexMapper, older: Older) {
        for directory in self.registered {
            directory.registered();
        }
        for uuid in self.deleted {
            mapper.delete_in_background(uuid, older.clone());
        }
    }

    /// To be called when the commit failed: the index that was to be deleted stays.
    pub(crate) fn aborted(self, mapper: &IndexMapper) {
        for uuid in self.deleted {
            if let Err(error) = directories::unmark_deleting(&mapper.path(uuid)) {
                tracing::warn!("{error}");
            }
        }
    }
}

/// Closes an index that only the caller has seen.
pub(crate) fn close(uuid: Uuid, index: Index) -> Result<()> {
    match index.prepare_for_closing().wait_timeout(MAX_CLOSING_WAIT) {
        true => Ok(()),
        false => Err(Error::IndexStillInUse { uuid, waited_seconds: MAX_CLOSING_WAIT.as_secs() }),
    }
}
