//! What an export does before and instead of talking to another instance; the talk itself is tested with two
//! servers.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use meilisearch_types::outgoing::Policy;
use meilisearch_types::tasks::TaskId;

use super::*;
use crate::testing::TestScheduler;

fn export(scheduler: &TestScheduler, url: &str, indexes: &[(&str, ExportIndexSettings)]) -> TaskId {
    let indexes = indexes.iter().map(|(pattern, settings)| {
        (IndexUidPattern::try_from((*pattern).to_owned()).unwrap(), settings.clone())
    });
    scheduler.enqueue(KindWithContent::Export {
        url: url.into(),
        api_key: Some("secret".into()),
        payload_size: None,
        indexes: indexes.collect(),
    })
}

fn scheduler() -> TestScheduler {
    TestScheduler::with(|options| {
        options.export.policy = Policy::new(&["127.0.0.1".parse().unwrap()]);
    })
}

#[test]
fn bases_of_urls() {
    for (url, expected) in [
        ("http://host", "http://host"),
        ("https://host:7700/", "https://host:7700"),
        ("http://[::1]:7700/meili/", "http://[::1]:7700/meili"),
    ] {
        assert_eq!(base(url).unwrap(), expected);
    }
    for url in ["", "host", "ftp://host", "http://", "http:///x", "http://host/?a=b", "http://a b"]
    {
        assert!(matches!(base(url), Err(Error::ExportUrl { .. })), "{url}");
    }
}

#[test]
fn no_matching_index_is_a_success_without_any_request() {
    let scheduler = scheduler();
    scheduler.create("films");
    scheduler.run_all();
    let task = export(&scheduler, "http://127.0.0.1:1", &[("b*", ExportIndexSettings::default())]);
    scheduler.run_all();
    assert_eq!(scheduler.status(task), Status::Succeeded, "{}", scheduler.message(task));
    let details = scheduler.details(task);
    assert_eq!(details, r#"{"url":"http://127.0.0.1:1","apiKey":"XXX...","indexes":{}}"#);
}

#[test]
fn a_bad_filter_and_a_refused_address_fail_at_once() {
    let bad = ExportIndexSettings { filter: Some("x = 1".into()), override_settings: false };
    let all = ExportIndexSettings::default();
    for (url, settings, code, told) in [
        ("http://127.0.0.1:1", &bad, "invalid_document_filter", "films"),
        ("http://10.0.0.1:1", &all, "internal", "10.0.0.1 is not public"),
        ("nowhere", &all, "internal", "nowhere"),
    ] {
        let scheduler = scheduler();
        scheduler.add("films", r#"{"id":1}"#);
        scheduler.run_all();
        let task = export(&scheduler, url, &[("*", settings.clone())]);
        scheduler.run_all();
        assert_eq!(scheduler.error(task), code, "{}", scheduler.message(task));
        assert!(scheduler.message(task).contains(told), "{}", scheduler.message(task));
    }
}

#[test]
fn an_instance_that_is_away_is_tried_again_until_the_task_is_canceled() {
    // The port is free again when the listener is gone.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let scheduler = scheduler();
    scheduler.create("films");
    scheduler.run_all();
    let url = format!("http://127.0.0.1:{port}");
    let task = export(&scheduler, &url, &[("*", ExportIndexSettings::default())]);
    let tries = Arc::new(AtomicU32::new(0));
    let (counted, handle) = (Arc::clone(&tries), scheduler.clone());
    scheduler.shared().faults.set(move |fault| {
        if fault == Fault::BeforeExportRequest && counted.fetch_add(1, Ordering::SeqCst) == 1 {
            let (query, tasks) = (format!("?uids={task}"), [task].into_iter().collect());
            handle.register(KindWithContent::TaskCancelation { query, tasks }, None)?;
        }
        Ok(())
    });
    scheduler.run_all();
    scheduler.shared().faults.clear();
    assert_eq!(scheduler.status(task), Status::Canceled);
    assert_eq!(tries.load(Ordering::SeqCst), 2, "the third is not begun");
}
