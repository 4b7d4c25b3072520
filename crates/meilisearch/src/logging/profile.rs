//! The form `profile` of the stream: what happens to spans and events, as JSON objects with times,
//! for tools that add up where time and memory go.
//!
//! The chapter leaves the members of an entry open; ours are those of [`Entry`] and [`What`]. A
//! span is told before anything that happens to it; what began before the stream is left out.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use serde::Serialize;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_serde::fields::{AsMap, SerializeFieldMap};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::StreamMode;
use super::outlet::{Outlet, Queue};

/// One object of the stream.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    /// Nanoseconds since the stream began.
    time: u64,
    thread_id: String,
    thread_name: Option<String>,
    /// Bytes of the process in memory, with `profileMemory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    #[serde(flatten)]
    what: What<'a>,
}

/// What happened. The id of a span is used again when the span is closed.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum What<'a> {
    /// A span begins.
    Span {
        id: u64,
        #[serde(flatten)]
        origin: Origin,
        fields: SerializeFieldMap<'a, Attributes<'a>>,
    },
    /// A span gets further fields.
    Record { id: u64, fields: SerializeFieldMap<'a, Record<'a>> },
    /// A thread goes on with a span.
    Enter { id: u64 },
    /// A thread leaves a span.
    Exit { id: u64 },
    /// A span ends.
    Close { id: u64 },
    /// Something is logged.
    Event {
        #[serde(flatten)]
        origin: Origin,
        fields: SerializeFieldMap<'a, Event<'a>>,
    },
}

/// Where a span or an event comes from.
#[derive(Serialize)]
struct Origin {
    /// The span around it.
    parent: Option<u64>,
    name: &'static str,
    target: &'static str,
    level: &'static str,
}

impl Origin {
    fn new(metadata: &'static Metadata<'static>, parent: Option<u64>) -> Origin {
        let (name, target) = (metadata.name(), metadata.target());
        Origin { parent, name, target, level: metadata.level().as_str() }
    }
}

/// Mark of a span that this listener was told of.
struct Told(Weak<Queue>);

/// The layer that writes such entries.
pub(super) struct Profile {
    outlet: Outlet,
    memory: Mutex<Option<(Pid, System)>>,
}

impl Profile {
    pub(super) fn new(outlet: Outlet) -> Profile {
        Profile { outlet, memory: Mutex::default() }
    }

    fn tell(&self, queue: &Queue, what: What<'_>) {
        let thread = thread::current();
        let memory = match queue.mode {
            StreamMode::Profile { memory: true } => self.memory_bytes(),
            _ => None,
        };
        let entry = Entry {
            time: u64::try_from(queue.start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            thread_id: format!("{:?}", thread.id()),
            thread_name: thread.name().map(str::to_owned),
            memory,
            what,
        };
        // Text and numbers under names: nothing of it can fail.
        if let Ok(entry) = serde_json::to_vec(&entry) {
            queue.push(&entry);
        }
    }

    /// Memory of this process now, where the system tells it.
    fn memory_bytes(&self) -> Option<u64> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.is_none() {
            *memory = Some((get_current_pid().ok()?, System::new().ok()?));
        }
        let (pid, system) = memory.as_mut()?;
        let kind = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*pid]), false, kind);
        system.process(*pid).map(sysinfo::Process::memory)
    }

    /// Tells what happens to a span that the listener was told of.
    fn tell_of<S>(&self, id: &Id, context: &Context<'_, S>, what: What<'_>)
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        if let Some(queue) = self.outlet.queue()
            && is_told(&queue, id, context)
        {
            self.tell(&queue, what);
        }
    }
}

fn is_told<S>(queue: &Arc<Queue>, id: &Id, context: &Context<'_, S>) -> bool
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let Some(span) = context.span(id) else { return false };
    let extensions = span.extensions();
    extensions.get::<Told>().is_some_and(|told| std::ptr::eq(told.0.as_ptr(), &**queue))
}

impl<S> Layer<S> for Profile
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Some(queue), Some(span)) = (self.outlet.queue(), context.span(id)) else { return };
        span.extensions_mut().replace(Told(Arc::downgrade(&queue)));
        let parent = span.parent().map(|parent| parent.id());
        let parent = parent.filter(|parent| is_told(&queue, parent, &context));
        let origin = Origin::new(attributes.metadata(), parent.map(|id| id.into_u64()));
        let fields = attributes.field_map();
        self.tell(&queue, What::Span { id: id.into_u64(), origin, fields });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let fields = values.field_map();
        self.tell_of(id, &context, What::Record { id: id.into_u64(), fields });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(queue) = self.outlet.queue() else { return };
        let parent = context.event_span(event).map(|parent| parent.id());
        let parent = parent.filter(|parent| is_told(&queue, parent, &context));
        let origin = Origin::new(event.metadata(), parent.map(|id| id.into_u64()));
        self.tell(&queue, What::Event { origin, fields: event.field_map() });
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.tell_of(id, &context, What::Enter { id: id.into_u64() });
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.tell_of(id, &context, What::Exit { id: id.into_u64() });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.tell_of(&id, &context, What::Close { id: id.into_u64() });
    }
}
