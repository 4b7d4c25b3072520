//! Values that the wire and the disk agree on.
//!
//! - [`tasks`], [`batches`], [`progress`]: what the server does, did and is doing; [`webhooks`]: who
//!   is told of it
//! - [`settings`]: what can be set on an index
//! - [`keys`], [`index_uid`], [`locales`], [`features`]: names and rights
//! - [`error`], [`deserr`], [`not_implemented`]: how a request is refused
//! - [`documents`]: payloads of documents, turned into update files
//! - [`schema`]: how all of them look in JSON, for the description of the API
//! - [`outgoing`]: to whom the server may send, and the client for it
//! - [`sizes`], [`duration`], [`versioning`]: texts of measures
//!
//! Nothing here opens a file or knows the search engine; only [`outgoing`] connects to anything.

pub mod batches;
pub mod deserr;
pub mod documents;
pub mod duration;
pub mod error;
pub mod features;
pub mod index_uid;
pub mod keys;
pub mod locales;
pub mod not_implemented;
pub mod outgoing;
pub mod progress;
pub mod schema;
pub mod settings;
pub mod sizes;
pub mod tasks;
pub mod versioning;
pub mod webhooks;
