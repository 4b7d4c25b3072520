//! `GET, POST /indexes/{index_uid}/search` (http-api.md section 8).

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError};

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::metrics::Metrics;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};
use crate::search::answer::{Environment, SearchAnswer, search_index};
use crate::search::query::{AnswerParameters, SearchBody, SearchQuery, restrict};
use crate::search::query_get::SearchParameters;
use crate::search_queue::SearchQueue;

type Auth = Guarded<actions::Search>;

/// Header that asks for the member `metadata`.
pub(crate) const INCLUDE_METADATA: &str = "Meili-Include-Metadata";
/// What the header does.
pub(crate) const INCLUDE_METADATA_MEANING: &str =
    "`true` or `1` adds `metadata` to the answer: which query and which index it is about.";

pub(crate) fn configure(routes: &mut Routes) {
    let about = || {
        about("Search an index")
            .header(INCLUDE_METADATA, INCLUDE_METADATA_MEANING)
            .answers::<SearchAnswer>(200)
    };
    routes.add(
        resource("/indexes/{index_uid}/search")
            .get(by_query_string, about())
            .post(by_body, about()),
    );
}

async fn by_query_string(
    auth: Auth,
    uid: Path<String>,
    query: Query<SearchParameters, DeserrQueryParamError>,
    request: HttpRequest,
    scheduler: Data<IndexScheduler>,
    queue: Data<SearchQueue>,
    metrics: Data<Metrics>,
) -> Answer {
    let (query, parameters) = query.into_inner().split()?;
    search(&auth, &uid, query, parameters, &request, scheduler, &queue, &metrics).await
}

async fn by_body(
    auth: Auth,
    uid: Path<String>,
    body: Json<SearchBody, DeserrJsonError>,
    request: HttpRequest,
    scheduler: Data<IndexScheduler>,
    queue: Data<SearchQueue>,
    metrics: Data<Metrics>,
) -> Answer {
    let (query, parameters) = body.into_inner().split();
    search(&auth, &uid, query, parameters, &request, scheduler, &queue, &metrics).await
}

/// Answers a search. The permit goes with the work, which may outlive the request.
#[allow(clippy::too_many_arguments, reason = "what the two routes extract")]
async fn search(
    auth: &Auth,
    uid: &str,
    mut query: SearchQuery,
    parameters: AnswerParameters,
    request: &HttpRequest,
    scheduler: Data<IndexScheduler>,
    queue: &SearchQueue,
    metrics: &Metrics,
) -> Answer {
    let uid = index_uid(uid)?;
    query.filter = restrict(query.filter, auth.search_filter(&uid));
    let environment = environment(request, &scheduler);
    let permit = queue.acquire().await?;
    let answer = blocking(move || {
        let answer = search_index(&scheduler, &uid, query, parameters, environment);
        drop(permit);
        answer
    });
    let answer = answer.await?;
    metrics.count_degraded_searches(answer.is_degraded.into());
    Ok(HttpResponse::Ok().json(answer))
}

/// What an answer depends on besides its parameters.
pub(crate) fn environment(request: &HttpRequest, scheduler: &IndexScheduler) -> Environment {
    let header = request.headers().get(INCLUDE_METADATA);
    let include_metadata = header
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    Environment { features: scheduler.features(), include_metadata }
}
