//! The routes of http-api.md section 5 that are not built yet: they authenticate, then answer 501.
//! Which ones they are stands in `meilisearch_types::not_implemented`, with everything else that is
//! missing.

use actix_web::{HttpRequest, HttpResponse};
use meilisearch_types::error::ResponseError;
use meilisearch_types::not_implemented::{NotImplemented, ROUTES};

use crate::extract::auth::authorise;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};

pub(crate) fn configure(routes: &mut Routes) {
    for route in ROUTES {
        let mut at_path = resource(route.path);
        for (verb, action) in route.methods {
            let refuse = move |request: HttpRequest| {
                let refusal =
                    authorise(&request, *action).map(|_| NotImplemented::Route(route.path));
                async { Err::<HttpResponse, _>(refusal.map_or_else(|e| e, ResponseError::from)) }
            };
            at_path = at_path.on(verb.clone(), refuse, about("Follow the log").not_built());
        }
        routes.add(at_path);
    }
}
