//! Random tasks, run in batches and run one by one: users must see the same in the end.

use meilisearch_types::tasks::{IndexSwap, KindWithContent};
use proptest::prelude::*;

use crate::IndexFilter;
use crate::testing::TestScheduler;

#[derive(Debug, Clone)]
enum Action {
    Add(usize, u8),
    DeleteIds(usize, u8),
    Clear(usize),
    Create(usize),
    DeleteIndex(usize),
    Rename(usize, usize),
    Swap(usize, usize),
    Cancel(u32),
}

const INDEXES: [&str; 3] = ["a", "b", "c"];

fn action() -> impl Strategy<Value = Action> {
    let index = 0..INDEXES.len();
    prop_oneof![
        4 => (index.clone(), 0u8..4).prop_map(|(index, id)| Action::Add(index, id)),
        2 => (index.clone(), 0u8..4).prop_map(|(index, id)| Action::DeleteIds(index, id)),
        1 => index.clone().prop_map(Action::Clear),
        1 => index.clone().prop_map(Action::Create),
        1 => index.clone().prop_map(Action::DeleteIndex),
        1 => (index.clone(), index.clone()).prop_map(|(from, to)| Action::Rename(from, to)),
        1 => (index.clone(), index).prop_map(|(left, right)| Action::Swap(left, right)),
        1 => (0u32..20).prop_map(Action::Cancel),
    ]
}

fn enqueue(scheduler: &TestScheduler, action: &Action) {
    let uid = |index: &usize| INDEXES[*index].to_owned();
    let kind = match action {
        Action::Add(index, id) => {
            scheduler.add(INDEXES[*index], &format!(r#"{{"id":{id}}}{{"id":{}}}"#, id + 1));
            return;
        }
        Action::DeleteIds(index, id) => KindWithContent::DocumentDeletion {
            index_uid: uid(index),
            documents_ids: vec![id.to_string()],
        },
        Action::Clear(index) => KindWithContent::DocumentClear { index_uid: uid(index) },
        Action::Create(index) => {
            KindWithContent::IndexCreation { index_uid: uid(index), primary_key: None }
        }
        Action::DeleteIndex(index) => KindWithContent::IndexDeletion { index_uid: uid(index) },
        Action::Rename(from, to) => KindWithContent::IndexUpdate {
            index_uid: uid(from),
            primary_key: None,
            new_index_uid: Some(uid(to)),
        },
        Action::Swap(left, right) if left == right => return,
        Action::Swap(left, right) => KindWithContent::IndexSwap {
            swaps: vec![IndexSwap { indexes: (uid(left), uid(right)), rename: false }],
        },
        Action::Cancel(task) => {
            let query = format!("?uids={task}");
            KindWithContent::TaskCancelation { query, tasks: [*task].into_iter().collect() }
        }
    };
    scheduler.enqueue(kind);
}

fn ending(scheduler: &TestScheduler) -> Vec<String> {
    let (tasks, _) = scheduler.tasks(&Default::default(), IndexFilter::All).unwrap();
    let tasks = tasks.iter().map(|task| {
        let error = task.error.as_ref().map(|error| error.code());
        format!("{} {} {:?} {error:?}", task.uid, task.status, task.indexes())
    });
    let indexes = scheduler.index_names().unwrap().into_iter().map(|index| {
        let stats = scheduler.index_stats(&index).unwrap().inner;
        format!("{index}: {}", stats.number_of_documents())
    });
    tasks.chain(indexes).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn batches_end_as_their_tasks_one_by_one(actions in proptest::collection::vec(action(), 1..14)) {
        let batched = TestScheduler::new();
        let one_by_one = TestScheduler::with(|options| options.max_batched_tasks = 1);
        for scheduler in [&batched, &one_by_one] {
            actions.iter().for_each(|action| enqueue(scheduler, action));
            scheduler.run_all();
        }
        prop_assert_eq!(ending(&batched), ending(&one_by_one));
    }
}
