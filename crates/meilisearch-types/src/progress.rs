//! What a batch is doing right now, and how long each part took (tasks.md 16).
//!
//! The progress is a stack of steps, from outer to inner. A step belongs to a list; starting a
//! step of a list that is on the stack replaces that entry and drops everything inside it, starting
//! one of another list goes one level deeper.

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

/// One step of a list of steps.
pub trait Step: Send + Sync + 'static {
    /// What is being done, as shown to users.
    fn name(&self) -> Cow<'static, str>;
    /// How many of `total` are done.
    fn current(&self) -> u32;
    /// The number of steps of the list, or of things to count.
    fn total(&self) -> u32;
    /// Tells lists of one Rust type apart; steps of a fixed list all give the same.
    fn list(&self) -> Cow<'static, str> {
        Cow::Borrowed("")
    }
}

/// Shared handle to the progress of one batch.
#[derive(Clone, Default)]
pub struct Progress {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    stack: Vec<Entry>,
    /// Time spent in ended steps by path, in the order in which they first ended.
    ended: IndexMap<String, Duration>,
}

struct Entry {
    list: (TypeId, Cow<'static, str>),
    step: Box<dyn Step>,
    started_at: Instant,
}

impl Progress {
    /// Starts a step. Starting the running step of a list again changes nothing but its counters.
    pub fn update<S: Step>(&self, step: S) {
        let list = (TypeId::of::<S>(), step.list());
        let mut state = self.lock();
        if let Some(depth) = state.stack.iter().position(|entry| entry.list == list) {
            let entry = &mut state.stack[depth];
            if entry.step.name() == step.name() {
                entry.step = Box::new(step);
                return;
            }
            state.end_from(depth);
        }
        state.stack.push(Entry { list, step: Box::new(step), started_at: Instant::now() });
    }

    /// The steps under way and the share that is done.
    pub fn view(&self) -> ProgressView {
        let state = self.lock();
        let mut percentage = 0.0_f32;
        let mut parts = 1.0_f32;
        let mut steps = Vec::with_capacity(state.stack.len());
        for Entry { step, .. } in &state.stack {
            let (finished, total) = (step.current(), step.total());
            parts *= total.max(1) as f32;
            percentage += finished as f32 / parts;
            steps.push(ProgressStepView { current_step: step.name(), finished, total });
        }
        ProgressView { steps, percentage: percentage * 100.0 }
    }

    /// Path of each step (`outer > inner`) to the time spent in it, e.g. `1.26s`; steps under way
    /// count up to now.
    pub fn durations(&self) -> IndexMap<String, String> {
        let state = self.lock();
        let mut durations = state.ended.clone();
        for depth in (0..state.stack.len()).rev() {
            *durations.entry(state.path(depth)).or_default() +=
                state.stack[depth].started_at.elapsed();
        }
        durations.into_iter().map(|(path, time)| (path, format!("{time:.2?}"))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state whole, so a panic elsewhere cannot have broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl State {
    fn path(&self, depth: usize) -> String {
        let names: Vec<_> =
            self.stack.iter().take(depth + 1).map(|entry| entry.step.name()).collect();
        names.join(" > ")
    }

    /// Ends the steps of this depth and deeper, inner ones first.
    fn end_from(&mut self, depth: usize) {
        while self.stack.len() > depth {
            let path = self.path(self.stack.len() - 1);
            if let Some(entry) = self.stack.pop() {
                *self.ended.entry(path).or_default() += entry.started_at.elapsed();
            }
        }
    }
}

/// `progress` of a running batch.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgressView {
    /// From outer to inner.
    pub steps: Vec<ProgressStepView>,
    /// 0 to 100.
    pub percentage: f32,
}

/// One step under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgressStepView {
    /// What is being done.
    pub current_step: Cow<'static, str>,
    /// How many are done.
    pub finished: u32,
    /// Out of how many.
    pub total: u32,
}

/// A step that counts things, e.g. documents; the counter is shared with those who do the work.
pub struct AtomicStep {
    name: &'static str,
    current: Arc<AtomicU32>,
    total: u32,
}

impl AtomicStep {
    /// A step at 0 of `total`, and its counter. The name says what is counted, in the singular.
    pub fn new(name: &'static str, total: u32) -> (Arc<AtomicU32>, Self) {
        let current = Arc::new(AtomicU32::new(0));
        (Arc::clone(&current), AtomicStep { name, current, total })
    }
}

impl Step for AtomicStep {
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.name)
    }

    fn current(&self) -> u32 {
        self.current.load(Ordering::Relaxed)
    }

    fn total(&self) -> u32 {
        self.total
    }

    fn list(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.name)
    }
}

/// A step whose name is only known at run time, e.g. an index uid; `List` tells lists apart.
pub struct NamedStep<List> {
    name: String,
    current: u32,
    total: u32,
    list: PhantomData<fn() -> List>,
}

impl<List: 'static> NamedStep<List> {
    /// Number `current`, from 0, of `total`.
    pub fn new(name: impl Into<String>, current: u32, total: u32) -> Self {
        NamedStep { name: name.into(), current, total, list: PhantomData }
    }
}

impl<List: 'static> Step for NamedStep<List> {
    fn name(&self) -> Cow<'static, str> {
        Cow::Owned(self.name.clone())
    }

    fn current(&self) -> u32 {
        self.current
    }

    fn total(&self) -> u32 {
        self.total
    }
}

/// Declares a fixed list of steps: `Variant => "name on the wire"`, in order.
#[macro_export]
macro_rules! progress_steps {
    ($(#[$doc:meta])* $visibility:vis enum $list:ident { $($step:ident => $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $list {
            $(#[doc = $name] $step,)*
        }

        impl $crate::progress::Step for $list {
            fn name(&self) -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed(match self { $($list::$step => $name,)* })
            }

            fn current(&self) -> u32 {
                *self as u32
            }

            fn total(&self) -> u32 {
                const STEPS: &[$list] = &[$($list::$step,)*];
                STEPS.len() as u32
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    progress_steps! {
        /// Outer list.
        enum Outer { One => "step one", Two => "step two" }
    }

    progress_steps! {
        enum Inner { A => "inner a", B => "inner b" }
    }

    fn names(progress: &Progress) -> Vec<String> {
        progress.view().steps.iter().map(|step| step.current_step.to_string()).collect()
    }

    fn paths(progress: &Progress) -> Vec<String> {
        progress.durations().into_keys().collect()
    }

    #[test]
    fn percentage_in_single_precision() {
        let progress = Progress::default();
        progress.update(Outer::One);
        let (counter, step) = AtomicStep::new("document", 10);
        progress.update(step);
        counter.store(6, Ordering::Relaxed);
        insta::assert_snapshot!(serde_json::to_string(&progress.view()).unwrap(), @r#"{"steps":[{"currentStep":"step one","finished":0,"total":2},{"currentStep":"document","finished":6,"total":10}],"percentage":30.000002}"#);
    }

    #[test]
    fn step_of_an_outer_list_drops_the_inner_ones() {
        let progress = Progress::default();
        progress.update(Outer::One);
        progress.update(Inner::A);
        progress.update(Inner::B);
        progress.update(AtomicStep::new("document", 1).1);
        progress.update(AtomicStep::new("task", 1).1);
        assert_eq!(names(&progress), ["step one", "inner b", "document", "task"]);
        progress.update(Outer::One);
        assert_eq!(names(&progress).len(), 4, "the running step started again changes nothing");
        progress.update(Outer::Two);
        assert_eq!(names(&progress), ["step two"]);
        assert_eq!(
            paths(&progress),
            [
                "step one > inner a",
                "step one > inner b > document > task",
                "step one > inner b > document",
                "step one > inner b",
                "step one",
                "step two",
            ]
        );
    }

    #[test]
    fn durations_of_one_path_add_up() {
        let progress = Progress::default();
        for _ in 0..2 {
            progress.update(Outer::One);
            progress.update(Outer::Two);
        }
        assert_eq!(paths(&progress), ["step one", "step two"]);
        for text in progress.durations().values() {
            assert!(text.ends_with('s') && text.contains('.'), "{text}");
        }
    }

    #[test]
    fn named_steps_of_two_lists_nest() {
        enum Indexes {}
        enum Migrations {}
        let progress = Progress::default();
        progress.update(NamedStep::<Indexes>::new("Upgrading index `a`", 0, 2));
        progress.update(NamedStep::<Migrations>::new("first", 0, 1));
        progress.update(NamedStep::<Indexes>::new("Upgrading index `b`", 1, 2));
        assert_eq!(names(&progress), ["Upgrading index `b`"]);
        assert_eq!(progress.view().percentage, 50.0);
    }
}
