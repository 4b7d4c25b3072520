//! `/experimental-features`: switches for things that may still change (operations.md section 20).

use actix_web::HttpResponse;
use actix_web::web::Data;
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::features::RuntimeTogglableFeatures;
use schemars::JsonSchema;
use serde::Serialize;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    routes.add(
        resource("/experimental-features")
            .get(show, about("Show the experimental features").answers::<FeaturesView>(200))
            .patch(
                change,
                about("Switch experimental features on or off").answers::<FeaturesView>(200),
            ),
    );
}

/// One list of the switches drives the body of PATCH, the change and the answer.
macro_rules! switches {
    ($($(#[$doc:meta])* $switch:ident,)*) => {
        /// The switches to change; absent or null ones keep their state.
        #[derive(Debug, Deserr, JsonSchema)]
        #[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
        #[schemars(rename_all = "camelCase", deny_unknown_fields)]
        #[schemars(rename = "FeaturesChange")]
        struct Change {
            $($(#[$doc])* #[deserr(default)] $switch: Option<bool>,)*
        }

        impl Change {
            fn apply(self, features: &mut RuntimeTogglableFeatures) {
                $(if let Some(on) = self.$switch { features.$switch = on.into(); })*
            }
        }

        /// All switches with their effective state.
        #[derive(Debug, Serialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        struct FeaturesView { $($(#[$doc])* $switch: bool,)* }

        impl From<RuntimeTogglableFeatures> for FeaturesView {
            fn from(features: RuntimeTogglableFeatures) -> Self {
                FeaturesView { $($switch: Option::from(features.$switch).unwrap_or(false),)* }
            }
        }
    };
}

switches! {
    /// `GET /metrics`.
    metrics,
    /// The `/logs` routes.
    logs_route,
    /// Edition of documents by a function.
    edit_documents_by_function,
    /// The filter operator `CONTAINS`.
    contains_filter,
    /// Dynamic search rules.
    dynamic_search_rules,
    /// Search on several instances.
    network,
    /// `GET /tasks/{task_id}/documents`.
    get_task_documents_route,
    /// `POST /tasks/compact`.
    task_queue_compaction_route,
    /// Embedders made of two.
    composite_embedders,
    /// The `/chats` routes and the index setting `chat`.
    chat_completions,
    /// Search by media and fragments.
    multimodal,
    /// The index setting `foreignKeys` and filters over it.
    foreign_keys,
    /// Reads of documents go past the search queue.
    disable_documents_fetch_queue,
    /// The older way of searching.
    legacy_search,
    /// `POST /render-template`.
    render_route,
}

async fn show(
    _auth: Guarded<actions::ExperimentalGet>,
    scheduler: Data<IndexScheduler>,
) -> HttpResponse {
    HttpResponse::Ok().json(FeaturesView::from(scheduler.features()))
}

async fn change(
    _auth: Guarded<actions::ExperimentalUpdate>,
    body: Json<Change, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let change = body.into_inner();
    let features = blocking(move || {
        let mut features = scheduler.features();
        change.apply(&mut features);
        scheduler.put_features(features)?;
        Ok(scheduler.features())
    });
    Ok(HttpResponse::Ok().json(FeaturesView::from(features.await?)))
}
