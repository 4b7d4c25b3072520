//! `/indexes` and what is below it.

pub mod facet_search;
pub mod search;
pub mod similar;
pub mod snapshots;

use actix_web::web::ServiceConfig;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .configure(search::configure)
        .configure(facet_search::configure)
        .configure(similar::configure)
        .configure(snapshots::configure);
}
