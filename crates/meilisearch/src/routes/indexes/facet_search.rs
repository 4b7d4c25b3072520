//! `POST /indexes/{index_uid}/facet-search` (http-api.md section 10).

use actix_web::web::ServiceConfig;

pub(crate) fn configure(_config: &mut ServiceConfig) {}
