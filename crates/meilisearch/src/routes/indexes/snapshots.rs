//! `/indexes/{index_uid}/snapshots` (index-snapshots.md section 3).

use actix_web::web::ServiceConfig;

pub(crate) fn configure(_config: &mut ServiceConfig) {}
