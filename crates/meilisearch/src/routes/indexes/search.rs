//! `GET, POST /indexes/{index_uid}/search` (http-api.md section 8).

use actix_web::web::ServiceConfig;

pub(crate) fn configure(_config: &mut ServiceConfig) {}
