//! `POST /multi-search` (http-api.md section 9).

use actix_web::web::ServiceConfig;

pub(crate) fn configure(_config: &mut ServiceConfig) {}
