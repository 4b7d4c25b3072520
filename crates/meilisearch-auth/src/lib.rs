//! API keys: who may do what on which index (operations.md 11 to 14, index-snapshots.md 8).
//!
//! - [`AuthStore`] holds the keys and answers every question about them: `store.rs` is its LMDB
//!   environment, `manage.rs` creation and change of keys, `authorise.rs` the decision on a request
//! - `rights.rs` is the layout of the second database, which decides on upstream's actions
//! - `tenant_token.rs` reads what owners of keys sign for their own users
//! - `secret.rs` derives secrets from the master key, `defaults.rs` is what an empty store gets

mod authorise;
mod defaults;
mod error;
mod manage;
mod rights;
mod secret;
mod store;
mod tenant_token;

#[cfg(test)]
mod tests;

pub use authorise::{AuthFilter, bearer_token};
pub use error::{AuthError, AuthStoreError};
pub use store::AuthStore;
