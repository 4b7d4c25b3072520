//! The tree of paths.

pub mod health;
pub mod root;
pub mod version;

use actix_web::web::ServiceConfig;

/// Registers every route.
pub fn configure(config: &mut ServiceConfig) {
    config.configure(root::configure).configure(health::configure).configure(version::configure);
}
