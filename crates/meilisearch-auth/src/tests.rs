//! The store as a whole: a store on a temporary directory, asked for decisions.

use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::keys::{Action, CreateKey, Key, UpdateKey};
use meilisearch_types::settings::Setting;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{AuthFilter, AuthStore, bearer_token};

const MASTER_KEY: &str = "a master key of many bytes";

fn open(directory: &TempDir, master_key: Option<&str>) -> AuthStore {
    AuthStore::open(&directory.path().join("auth"), master_key).unwrap()
}

fn protected() -> (TempDir, AuthStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, Some(MASTER_KEY));
    (directory, store)
}

fn new_key(actions: &[Action], indexes: &[&str]) -> CreateKey {
    CreateKey {
        description: None,
        name: None,
        uid: Uuid::new_v4(),
        actions: actions.to_vec(),
        indexes: indexes.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        expires_at: None,
    }
}

impl AuthStore {
    /// Creates a key and gives its secret.
    fn secret_of_new(&self, actions: &[Action], indexes: &[&str]) -> String {
        self.secret(self.create_key(new_key(actions, indexes)).unwrap().uid)
    }

    fn decide(&self, token: &str, action: Action, index: Option<&str>) -> Result<AuthFilter, Code> {
        self.authorise(Some(token), action, index).map_err(|error| error.error_code())
    }

    fn allows(&self, token: &str, action: Action, index: Option<&str>) -> bool {
        match self.decide(token, action, index) {
            Ok(_) => true,
            Err(Code::InvalidApiKey) => false,
            Err(other) => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn header() {
    fn code(header: &[u8]) -> Result<&str, Code> {
        bearer_token(header).map_err(|error| error.error_code())
    }
    assert_eq!(code(b"Bearer abc"), Ok("abc"));
    assert_eq!(code(b"Bearer a b"), Ok("a b"));
    assert_eq!(code(b"Bearer"), Err(Code::InvalidApiKey));
    for header in [b"bearer abc".as_slice(), b"Basic abc", b"", b"Bearer \xc3\xa9", b"Bearer\tabc"]
    {
        assert_eq!(code(header), Err(Code::MissingAuthorizationHeader));
    }
}

#[test]
fn server_without_master_key_is_open_except_for_keys() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, None);
    for token in ["", "anything"] {
        assert_eq!(store.decide(token, Action::Export, None), Ok(AuthFilter::unlimited()));
        assert_eq!(store.decide(token, Action::KeysGet, None), Err(Code::MissingMasterKey));
    }
    assert_eq!(store.secret(Uuid::nil()), "");
}

#[test]
fn master_key_may_do_all() {
    let (_directory, store) = protected();
    let filter = store.decide(MASTER_KEY, Action::KeysDelete, None).unwrap();
    assert!(filter.all_indexes_authorized() && filter.allow_index_creation("a"));
    let none = store.authorise(None, Action::Search, Some("a")).unwrap_err();
    assert_eq!(none.error_code(), Code::MissingAuthorizationHeader);
    assert_eq!(store.decide("unknown", Action::Search, Some("a")), Err(Code::InvalidApiKey));

    let directory = tempfile::tempdir().unwrap();
    let empty_master_key = open(&directory, Some(""));
    assert!(empty_master_key.authorise(None, Action::KeysGet, None).is_ok());
}

#[test]
fn default_keys() {
    let (directory, store) = protected();
    let keys = store.list_keys().unwrap();
    let names: Vec<_> = keys.iter().filter_map(|key| key.name.as_deref()).collect();
    assert_eq!(
        names,
        [
            "Default Search API Key",
            "Default Admin API Key",
            "Default Read-Only Admin API Key",
            "Default Chat API Key"
        ]
    );
    let secrets: Vec<String> = keys.iter().map(|key| store.secret(key.uid)).collect();
    let [search, admin, read_only, chat] = secrets.as_slice() else { panic!("four keys") };

    for (secret, action, allowed) in [
        (search, Action::Search, true),
        (search, Action::DocumentsGet, false),
        (search, Action::IndexesGet, false),
        (admin, Action::DocumentsAll, true),
        (admin, Action::KeysDelete, true),
        (admin, Action::SnapshotsImport, true),
        (read_only, Action::Export, true),
        (read_only, Action::KeysGet, true),
        (read_only, Action::DocumentsAdd, false),
        (read_only, Action::SnapshotsGet, true),
        (read_only, Action::SnapshotsDownload, false),
        (chat, Action::ChatCompletions, true),
        (chat, Action::SnapshotsGet, false),
    ] {
        assert_eq!(store.allows(secret, action, Some("any")), allowed, "{action}");
        assert_eq!(store.allows(&secret.to_uppercase(), action, None), allowed, "{action}");
    }

    drop(store);
    let again = open(&directory, Some(MASTER_KEY));
    assert_eq!(again.list_keys().unwrap(), keys, "an opened store keeps its keys");
}

#[test]
fn keys_limited_to_indexes() {
    use Action::*;
    let (_directory, store) = protected();
    let secret = store.secret_of_new(
        &[Search, DocumentsAdd, TasksAll, IndexesCreate, SnapshotsGet, SnapshotsImport],
        &["movies", "mus*"],
    );
    for (action, index, allowed) in [
        (Search, Some("movies"), true),
        (Search, Some("music"), true),
        (Search, Some("movies2"), false),
        (Search, None, true),
        (DocumentsAdd, Some("music"), true),
        (DocumentsAdd, None, false),
        (DocumentsGet, Some("movies"), false),
        (TasksGet, None, true),
        (TasksCompact, None, false),
        (SnapshotsImport, Some("music"), true),
        (SnapshotsImport, Some("other"), false),
        (SnapshotsImport, None, false),
        (SnapshotsDownload, Some("music"), false),
    ] {
        assert_eq!(store.allows(&secret, action, index), allowed, "{action} {index:?}");
    }
    let refused = store.authorise(Some(&secret), Search, Some("other")).unwrap_err().to_string();
    assert!(
        refused.contains("`other`") && refused.contains("mus*, movies")
            || refused.contains("movies, mus*"),
        "{refused}"
    );

    let filter = store.decide(&secret, TasksGet, None).unwrap();
    assert!(filter.is_index_authorized("music") && !filter.is_index_authorized("other"));
    assert!(filter.allow_index_creation("music") && !filter.allow_index_creation("other"));
    assert!(!filter.all_indexes_authorized());

    let cannot_create = store.secret_of_new(&[DocumentsAdd], &["movies"]);
    let filter = store.decide(&cannot_create, DocumentsAdd, Some("movies")).unwrap();
    assert!(!filter.allow_index_creation("movies"));

    let no_index = store.secret_of_new(&[Search, SnapshotsGet], &[]);
    assert!(!store.allows(&no_index, Search, None) && !store.allows(&no_index, Search, Some("a")));
    assert!(!store.allows(&no_index, SnapshotsGet, Some("a")));
}

#[test]
fn documents_wildcard_does_not_edit() {
    let (_directory, store) = protected();
    let secret = store.secret_of_new(&[Action::DocumentsAll], &["*"]);
    assert!(store.allows(&secret, Action::DocumentsDelete, Some("a")));
    assert!(!store.allows(&secret, Action::DocumentsAll, Some("a")));
}

#[test]
fn expired_keys_are_refused() {
    let (_directory, store) = protected();
    let now = OffsetDateTime::now_utc();
    let mut key: Key = store.create_key(new_key(&[Action::All], &["*"])).unwrap();
    let secret = store.secret(key.uid);
    for (expires_at, allowed) in [(now - Duration::SECOND, false), (now + Duration::HOUR, true)] {
        key.expires_at = Some(expires_at);
        let mut wtxn = store.env.write_txn().unwrap();
        store.put(&mut wtxn, &key).unwrap();
        wtxn.commit().unwrap();
        assert_eq!(store.allows(&secret, Action::Search, Some("a")), allowed);
        assert_eq!(store.allows(&secret, Action::SnapshotsImport, Some("a")), allowed);
    }
}

#[test]
fn management_of_keys() {
    let (_directory, store) = protected();
    let code = |error: crate::AuthStoreError| error.error_code();

    let created = store.create_key(new_key(&[Action::Search], &["movies"])).unwrap();
    let taken = CreateKey { uid: created.uid, ..new_key(&[], &[]) };
    assert_eq!(store.create_key(taken).map_err(code), Err(Code::ApiKeyAlreadyExists));
    let global = new_key(&[Action::Search, Action::DumpsCreate], &["movies"]);
    assert_eq!(
        store.create_key(global).map_err(code),
        Err(Code::IndexScopedApiKeyWithGlobalAction)
    );
    assert!(store.create_key(new_key(&[Action::DumpsCreate], &["movies", "*"])).is_ok());
    assert!(store.create_key(new_key(&[Action::DumpsCreate], &[])).is_ok());

    let by_secret = store.secret(created.uid);
    for name in [created.uid.to_string(), created.uid.simple().to_string(), by_secret.clone()] {
        assert_eq!(store.key(&name).unwrap(), created);
    }
    let change = UpdateKey { name: Setting::Set("n".into()), description: Setting::NotSet };
    let updated = store.update_key(&by_secret, change).unwrap();
    assert_eq!(updated.name.as_deref(), Some("n"));
    assert!(updated.updated_at > created.updated_at && updated.created_at == created.created_at);
    let change = UpdateKey { name: Setting::Reset, description: Setting::NotSet };
    assert_eq!(store.update_key(&by_secret, change).unwrap().name, None);

    store.delete_key(&by_secret).unwrap();
    assert_eq!(store.key(&by_secret).map_err(code), Err(Code::ApiKeyNotFound));
    assert_eq!(store.delete_key(&created.uid.to_string()).map_err(code), Err(Code::ApiKeyNotFound));
    assert!(!store.allows(&by_secret, Action::Search, Some("movies")));
}

#[test]
fn deleted_keys_leave_no_rights() {
    let (_directory, store) = protected();
    let entries = |store: &AuthStore| {
        let rtxn = store.env.read_txn().unwrap();
        store.rights.len(&rtxn).unwrap()
    };
    let before = entries(&store);
    let key = store.create_key(new_key(&[Action::All], &["a", "b*"])).unwrap();
    assert_eq!(entries(&store), before + 57 * 2);
    store.delete_key(&key.uid.to_string()).unwrap();
    assert_eq!(entries(&store), before);
}
