//! Dumps: what they hold, that a failure, a cancelation or a crash at any step leaves nothing, and that an
//! import gives the same instance again.

use std::path::Path;
use std::sync::{Arc, Mutex};

use dump::Dump;
use meilisearch_types::settings::{Setting, Settings};
use meilisearch_types::tasks::{
    IndexSwap, Kind, KindWithContent, SnapshotCompression, Status, TaskId,
};
use serde_json::json;
use tempfile::TempDir;

use crate::processing::DumpCreationProgress;
use crate::testing::{CrashImage, Fault, TestScheduler};
use crate::{Error, IndexFilter, import_dump};

fn creation() -> KindWithContent {
    KindWithContent::DumpCreation { keys: vec![], instance_uid: None }
}

fn names(scheduler: &TestScheduler) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(scheduler.dir().join("dumps")) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The only dump there is, unpacked.
fn unpack(scheduler: &TestScheduler) -> (Dump, TempDir) {
    let names = names(scheduler);
    assert_eq!(names.len(), 1, "{names:?}");
    let directory = tempfile::tempdir().unwrap();
    let archive = scheduler.dir().join("dumps").join(&names[0]);
    (Dump::unpack(&archive, directory.path()).unwrap(), directory)
}

fn set(index: &str, settings: serde_json::Value) -> KindWithContent {
    KindWithContent::SettingsUpdate {
        index_uid: index.into(),
        new_settings: Box::new(serde_json::from_value(settings).unwrap()),
        is_deletion: false,
        allow_index_creation: true,
    }
}

/// A scheduler with two indexes, vectors among them, tasks of several kinds and outcomes, and others that
/// wait.
fn busy() -> (TestScheduler, TaskId) {
    let scheduler = TestScheduler::new();
    let embedders = json!({"m": {"source": "userProvided", "dimensions": 2}});
    scheduler.enqueue(set("films", json!({"stopWords": ["the"], "embedders": embedders})));
    scheduler.add_with(
        "films",
        r#"{"key":1,"n":0.1,"_vectors":{"m":[0.1,1]}}{"key":2,"text":"a
b","_vectors":{"m":{"regenerate":false,"embeddings":[]},"other":[1]}}"#
            .replace('\n', "\\n")
            .as_str(),
        Some("key"),
        true,
    );
    scheduler.create("empty");
    scheduler.run_all();
    scheduler.create("empty");
    scheduler.enqueue(KindWithContent::SingleIndexSnapshotCreation {
        index_uid: "empty".into(),
        snapshot_uid: String::new(),
        compression: SnapshotCompression::None,
    });
    scheduler.run_all();
    let canceled = scheduler.add("films", r#"{"key":3}"#);
    let (query, tasks) = (format!("?uids={canceled}"), [canceled].into_iter().collect());
    scheduler.enqueue(KindWithContent::TaskCancelation { query, tasks });
    scheduler.run_all();
    scheduler.add("later", "{\"id\": 1,\n \"x\": 1.50}{\"id\":2}");
    scheduler.add("later", "");
    let indexes = ("films".to_owned(), "empty".to_owned());
    scheduler
        .enqueue(KindWithContent::IndexSwap { swaps: vec![IndexSwap { indexes, rename: false }] });
    let dump = scheduler.enqueue(creation());
    (scheduler, dump)
}

#[test]
fn a_dump_holds_everything_but_index_snapshots() {
    let (scheduler, task) = busy();
    assert!(scheduler.step());
    assert_eq!(scheduler.status(task), Status::Succeeded, "{}", scheduler.message(task));
    let (dump, _directory) = unpack(&scheduler);
    let uid = names(&scheduler)[0].replace(".dump", "");
    assert_eq!(scheduler.details(task), format!(r#"{{"dumpUid":"{uid}"}}"#));

    let mut text = String::new();
    for task in dump.tasks().unwrap() {
        let task = task.unwrap();
        let payload = dump.payload(task.uid).map(|path| std::fs::read_to_string(path).unwrap());
        let index = task.index_uid.as_deref().unwrap_or("-");
        let batch = task.batch_uid.map_or("-".to_owned(), |uid| uid.to_string());
        let uid = task.uid;
        text += &format!("{uid} {index} {} in {batch}: {payload:?}\n", task.status);
    }
    let batches: Vec<_> = dump.batches().unwrap().map(|batch| batch.unwrap().uid).collect();
    text += &format!("batches {batches:?}\n");
    for index in dump.indexes() {
        let metadata = &index.metadata;
        let documents = std::fs::read_to_string(index.documents().unwrap()).unwrap();
        let Settings { stop_words, .. } = index.settings().unwrap();
        text += &format!(
            "{} by {:?}, {:?}\n{documents}",
            metadata.uid,
            metadata.primary_key,
            stop_words.set()
        );
    }
    insta::assert_snapshot!(text, @r#"
    0 films succeeded in 0: None
    1 films succeeded in 1: None
    2 empty succeeded in 2: None
    3 empty failed in 3: None
    5 films canceled in 5: None
    6 - succeeded in 5: None
    7 later enqueued in -: Some("{\"id\": 1,  \"x\": 1.50}\n{\"id\":2}\n")
    8 later enqueued in -: None
    9 - enqueued in -: None
    10 - succeeded in -: None
    batches [0, 1, 2, 3, 5]
    empty by None, Some({})
    films by Some("key"), Some({"the"})
    {"key":1,"n":0.1,"_vectors":{"m":{"embeddings":[[0.10000000149011612,1.0]],"regenerate":false}}}
    {"key":2,"text":"a\nb","_vectors":{"m":{"embeddings":[],"regenerate":false},"other":[1.0]}}
    "#);
}

#[test]
fn a_setting_that_would_be_lost_fails_the_dump() {
    for (key, value, code) in [
        ("chat", r#"{"description":"of films"}"#, "not_implemented"),
        ("foreign-keys", r#"[{"foreignIndexUid":"b","fieldName":"c"}]"#, "not_implemented"),
        ("foreign-keys", "[]", ""),
    ] {
        let scheduler = TestScheduler::new();
        scheduler.create("a");
        scheduler.run_all();
        let index = scheduler.index("a").unwrap();
        let mut wtxn = index.write_txn().unwrap();
        let main = index.tables().main.remap_data_type::<heed::types::Bytes>();
        main.put(&mut wtxn, key, value.as_bytes()).unwrap();
        wtxn.commit().unwrap();
        let task = scheduler.enqueue(creation());
        scheduler.run_all();
        assert_eq!(scheduler.error(task), code, "{}", scheduler.message(task));
        assert_eq!(names(&scheduler).len(), usize::from(code.is_empty()));
    }
}

/// Every step that the creation of a dump goes through.
fn steps() -> Vec<Fault> {
    let (scheduler, _) = busy();
    let steps: Arc<Mutex<Vec<Fault>>> = Arc::default();
    let seen = Arc::clone(&steps);
    scheduler.shared().faults.set(move |fault| {
        seen.lock().unwrap().push(fault);
        Ok(())
    });
    assert!(scheduler.step());
    scheduler.shared().faults.clear();
    let steps = steps.lock().unwrap().clone();
    steps.into_iter().filter(|fault| matches!(fault, Fault::Dump(_))).collect()
}

#[test]
fn a_failure_a_panic_or_a_cancelation_at_any_step_leaves_nothing() {
    let steps = steps();
    assert_eq!(steps.len(), 9, "{steps:?}");
    for failing in steps {
        for panics in [false, true] {
            let (scheduler, task) = busy();
            scheduler.shared().faults.set(move |fault| match fault {
                fault if fault != failing => Ok(()),
                _ if panics => panic!("injected"),
                _ => Err(Error::CorruptedQueue("injected".into())),
            });
            assert!(scheduler.step());
            scheduler.shared().faults.clear();
            assert_eq!(scheduler.status(task), Status::Failed, "{failing:?}");
            assert_eq!(scheduler.details(task), r#"{"dumpUid":null}"#);
            assert!(names(&scheduler).is_empty(), "{failing:?}: {:?}", names(&scheduler));
            let again = scheduler.enqueue(creation());
            assert!(scheduler.step());
            assert_eq!(scheduler.status(again), Status::Succeeded);
        }
        let (scheduler, task) = busy();
        let started = scheduler.plan().unwrap();
        let handle = scheduler.clone();
        scheduler.shared().faults.set(move |fault| {
            if fault == failing {
                let (query, tasks) = (format!("?uids={task}"), [task].into_iter().collect());
                handle.register(KindWithContent::TaskCancelation { query, tasks }, None)?;
            }
            Ok(())
        });
        scheduler.finish(started);
        scheduler.shared().faults.clear();
        assert_eq!(scheduler.status(task), Status::Enqueued);
        scheduler.run_all();
        assert_eq!(scheduler.status(task), Status::Canceled);
        assert!(names(&scheduler).is_empty(), "{failing:?}: {:?}", names(&scheduler));
    }
}

#[test]
fn a_power_cut_at_any_step_leaves_no_half_dump() {
    let (scheduler, task) = busy();
    let images: Arc<Mutex<Vec<(Fault, CrashImage)>>> = Arc::default();
    let (taken, dir) = (Arc::clone(&images), scheduler.dir().to_path_buf());
    scheduler.shared().faults.set(move |fault| {
        taken.lock().unwrap().push((fault, CrashImage::take(&dir)));
        Ok(())
    });
    assert!(scheduler.step());
    scheduler.shared().faults.clear();
    let mut had_part = false;
    for (fault, image) in std::mem::take(&mut *images.lock().unwrap()) {
        had_part |= std::fs::read_dir(image.dir().join("dumps")).is_ok_and(|mut entries| {
            entries.any(|entry| entry.unwrap().file_name().to_str().unwrap().ends_with(".part"))
        });
        let scheduler = image.open();
        assert!(names(&scheduler).iter().all(|name| !name.starts_with('.')), "{fault:?}");
        scheduler.run_all();
        assert_eq!(scheduler.status(task), Status::Succeeded, "{fault:?}");
        for name in names(&scheduler) {
            let directory = tempfile::tempdir().unwrap();
            Dump::unpack(&scheduler.dir().join("dumps").join(name), directory.path()).unwrap();
        }
    }
    assert!(had_part, "some image shows the hidden file");
}

#[test]
fn an_addition_that_is_canceled_meanwhile_is_dumped_with_its_documents() {
    let (scheduler, dump_task) = busy();
    let addition = scheduler.add("x", r#"{"id":1}"#);
    let started = scheduler.plan().unwrap();
    let handle = scheduler.clone();
    scheduler.shared().faults.set(move |fault| {
        if fault == Fault::Dump(DumpCreationProgress::DumpTheTasks) {
            let (query, tasks) = (format!("?uids={addition}"), [addition].into_iter().collect());
            handle.register(KindWithContent::TaskCancelation { query, tasks }, None)?;
            handle.shared.faults.clear();
            let cancelation = handle.shared.plan()?.unwrap();
            handle.shared.run_to_end(cancelation);
        }
        Ok(())
    });
    scheduler.finish(started);
    assert_eq!(scheduler.status(addition), Status::Canceled);
    assert_eq!(scheduler.status(dump_task), Status::Succeeded, "{}", scheduler.message(dump_task));
    let (dump, _directory) = unpack(&scheduler);
    let dumped = dump.tasks().unwrap().map(Result::unwrap).find(|task| task.uid == addition);
    assert_eq!(dumped.unwrap().status, Status::Enqueued);
    let payload = std::fs::read_to_string(dump.payload(addition).unwrap()).unwrap();
    assert_eq!(payload, "{\"id\":1}\n");
}

/// What of an instance an import must give again. Dates of indexes change with the import.
fn contents(scheduler: &TestScheduler) -> String {
    let (mut tasks, _) = scheduler.tasks(&Default::default(), IndexFilter::All).unwrap();
    let left_out =
        |kind| matches!(kind, Kind::SingleIndexSnapshotCreation | Kind::SingleIndexSnapshotImport);
    tasks.retain(|task| !left_out(task.kind()));
    let mut text = String::new();
    for mut task in tasks {
        // The dump is told to have succeeded, and payload files have new names.
        if task.kind() == Kind::DumpCreation {
            continue;
        }
        if let KindWithContent::DocumentAdditionOrUpdate { content_file, .. } = &mut task.kind {
            let payload = scheduler.file_store().read(*content_file);
            if let Ok(payload) = payload {
                let documents = serde_json::Deserializer::from_slice(payload.as_bytes());
                let documents: Vec<serde_json::Value> =
                    documents.into_iter().collect::<Result<_, _>>().unwrap();
                text += &format!("payload {documents:?} of ");
            }
            *content_file = uuid::Uuid::nil();
        }
        text += &format!("{}\n", serde_json::to_string(&task).unwrap());
    }
    let (batches, _) = scheduler.batches(&Default::default(), IndexFilter::All).unwrap();
    for batch in batches {
        if !batch.stats.types.keys().any(|kind| left_out(*kind) || *kind == Kind::DumpCreation) {
            text += &format!("{}\n", serde_json::to_string(&batch).unwrap());
        }
    }
    for uid in scheduler.index_names().unwrap() {
        let index = scheduler.index(&uid).unwrap();
        let rtxn = index.read_txn().unwrap();
        let settings = milli::settings(&index, &rtxn).unwrap();
        let documents = milli::document::OutgoingDocuments::new(&index, &rtxn).unwrap();
        let created_at = index.created_at(&rtxn).unwrap();
        let key = index.primary_key(&rtxn).unwrap();
        text += &format!("{uid} {created_at} {key:?} {settings:?}\n");
        for docid in index.documents_ids(&rtxn).unwrap() {
            documents.write(docid, &mut text).unwrap();
            text.push('\n');
        }
        let stats = scheduler.index_stats(&uid).unwrap().inner;
        text += &format!("{} {:?}\n", stats.number_of_documents(), stats.number_of_embeddings);
    }
    text
}

/// An instance made of a dump, its queue checked.
fn imported(archive: &Path) -> TestScheduler {
    let staging = tempfile::tempdir().unwrap();
    let dump = Dump::unpack(archive, staging.path()).unwrap();
    TestScheduler::with(|options| import_dump(options.clone(), &dump).unwrap())
}

#[test]
fn an_import_gives_the_same_instance_and_runs_what_waited() {
    let (scheduler, dump_task) = busy();
    assert!(scheduler.step());
    let archive = scheduler.dir().join("dumps").join(&names(&scheduler)[0]);
    let copy = imported(&archive);
    assert_eq!(contents(&copy), contents(&scheduler));
    let task = copy.task(dump_task).unwrap();
    assert_eq!((task.status, task.batch_uid), (Status::Succeeded, None));
    assert!(task.finished_at >= task.started_at);
    copy.run_all();
    scheduler.run_all();
    let documents = |scheduler: &TestScheduler, uid| {
        scheduler.index_stats(uid).unwrap().inner.number_of_documents()
    };
    for (uid, count) in [("later", 2), ("empty", 2), ("films", 0)] {
        assert_eq!(documents(&copy, uid), count, "{uid}: swapped, and what waited was run");
        assert_eq!(documents(&scheduler, uid), count);
    }
    // Uids go on where they stood.
    assert_eq!(copy.create("new"), scheduler.create("new"));
    assert_eq!(copy.error(copy.create("later")), "");
    copy.run_all();
    let copy = copy.reopen();
    assert!(copy.index_names().unwrap().contains(&"new".to_owned()));
}

#[test]
fn a_setting_that_is_not_built_refuses_the_import_unless_it_says_nothing() {
    let nothing = json!({"description": "", "documentTemplate": "x", "searchParameters": {}});
    for (settings, is_refused) in [
        (json!({"foreignKeys": [], "chat": nothing, "stopWords": ["a"]}), false),
        (json!({"foreignKeys": [{"foreignIndexUid": "b"}]}), true),
        (json!({"chat": {"description": "of films"}}), true),
        // It asks nobody while there are no documents.
        (json!({"embedders": {"e": {"source": "openAi"}}, "stopWords": ["a"]}), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut archive =
            dump::Writer::new(Vec::new(), dir.path(), time::OffsetDateTime::now_utc()).unwrap();
        archive.keys(&[]).unwrap();
        let (tasks, documents) = (archive.lines().unwrap(), archive.lines().unwrap());
        archive.tasks(tasks).unwrap();
        let metadata = dump::IndexMetadata {
            uid: "a".into(),
            primary_key: None,
            created_at: time::OffsetDateTime::UNIX_EPOCH,
            updated_at: time::OffsetDateTime::UNIX_EPOCH,
        };
        let settings_of_index: Settings = serde_json::from_value(settings.clone()).unwrap();
        archive.index(&metadata, &settings_of_index, documents).unwrap();
        let path = dir.path().join("a.dump");
        std::fs::write(&path, archive.finish().unwrap()).unwrap();
        let staging = dir.path().join("staging");
        let dump = Dump::unpack(&path, &staging).unwrap();
        let mut result = None;
        let scheduler = TestScheduler::with(|options| {
            result = Some(import_dump(options.clone(), &dump));
        });
        match result.unwrap() {
            Ok(()) => {
                assert!(!is_refused, "{settings}");
                let index = scheduler.index("a").unwrap();
                let stored = milli::settings(&index, &index.read_txn().unwrap()).unwrap();
                assert_eq!(stored.stop_words, Setting::Set(["a".to_owned()].into()));
            }
            Err(error) => {
                assert!(is_refused, "{settings}: {error}");
                assert!(error.to_string().contains("Index `a`"), "{error}");
            }
        }
    }
}
