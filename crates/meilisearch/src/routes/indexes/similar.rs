//! `GET, POST /indexes/{index_uid}/similar` (http-api.md section 10).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{CommaList, DeserrJsonError, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::*;
use schemars::JsonSchema;
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};
use crate::search::query::Share;
use crate::search::query_get::filter_value;
use crate::search::similar::{SimilarAnswer, SimilarQuery, search};

type Auth = Guarded<actions::Search>;

pub(crate) fn configure(routes: &mut Routes) {
    let about = || about("Find documents that resemble one").answers::<SimilarAnswer>(200);
    routes.add(
        resource("/indexes/{index_uid}/similar")
            .get(by_query_string, about())
            .post(by_body, about()),
    );
}

/// Body of the POST.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct SimilarBody {
    #[deserr(error = DeserrJsonError<InvalidSimilarId>)]
    id: Value,
    #[deserr(error = DeserrJsonError<InvalidSimilarEmbedder>)]
    embedder: String,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarOffset>)]
    #[schemars(default)]
    offset: usize,
    #[deserr(default = 20, error = DeserrJsonError<InvalidSimilarLimit>)]
    #[schemars(default, extend("default" = 20))]
    limit: usize,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarFilter>)]
    filter: Option<Value>,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarAttributesToRetrieve>)]
    attributes_to_retrieve: Option<Vec<String>>,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarRetrieveVectors>)]
    #[schemars(default)]
    retrieve_vectors: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarShowRankingScore>)]
    #[schemars(default)]
    show_ranking_score: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarShowRankingScoreDetails>)]
    #[schemars(default)]
    show_ranking_score_details: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarShowPerformanceDetails>)]
    #[schemars(default)]
    show_performance_details: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarRankingScoreThreshold>)]
    ranking_score_threshold: Option<Share>,
}

/// Query string of the GET.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct SimilarParameters {
    #[deserr(error = DeserrQueryParamError<InvalidSimilarId>)]
    id: String,
    #[deserr(error = DeserrQueryParamError<InvalidSimilarEmbedder>)]
    embedder: String,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarOffset>)]
    #[schemars(default)]
    offset: Param<usize>,
    #[deserr(default = Param(20), error = DeserrQueryParamError<InvalidSimilarLimit>)]
    #[schemars(default, extend("default" = 20))]
    limit: Param<usize>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarFilter>)]
    filter: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarAttributesToRetrieve>)]
    attributes_to_retrieve: Option<CommaList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarRetrieveVectors>)]
    #[schemars(default)]
    retrieve_vectors: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarShowRankingScore>)]
    #[schemars(default)]
    show_ranking_score: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarShowRankingScoreDetails>)]
    #[schemars(default)]
    show_ranking_score_details: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarShowPerformanceDetails>)]
    #[schemars(default)]
    show_performance_details: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarRankingScoreThreshold>)]
    ranking_score_threshold: Option<Param<Share>>,
}

async fn by_query_string(
    auth: Auth,
    uid: Path<String>,
    query: Query<SimilarParameters, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let query = query.into_inner();
    let query = SimilarQuery {
        id: Value::String(query.id),
        embedder: query.embedder,
        offset: query.offset.0,
        limit: query.limit.0,
        filter: query.filter.map(filter_value),
        imposed: None,
        attributes_to_retrieve: query.attributes_to_retrieve.map(|list| list.0),
        retrieve_vectors: query.retrieve_vectors.0,
        show_ranking_score: query.show_ranking_score.0,
        show_ranking_score_details: query.show_ranking_score_details.0,
        show_performance_details: query.show_performance_details.0,
        ranking_score_threshold: query.ranking_score_threshold.map(|share| share.0.0),
    };
    similar(&auth, &uid, query, scheduler).await
}

async fn by_body(
    auth: Auth,
    uid: Path<String>,
    body: Json<SimilarBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let body = body.into_inner();
    let query = SimilarQuery {
        id: body.id,
        embedder: body.embedder,
        offset: body.offset,
        limit: body.limit,
        filter: body.filter,
        imposed: None,
        attributes_to_retrieve: body.attributes_to_retrieve,
        retrieve_vectors: body.retrieve_vectors,
        show_ranking_score: body.show_ranking_score,
        show_ranking_score_details: body.show_ranking_score_details,
        show_performance_details: body.show_performance_details,
        ranking_score_threshold: body.ranking_score_threshold.map(|share| share.0),
    };
    similar(&auth, &uid, query, scheduler).await
}

/// Answers; no permit of the search queue is taken (http-api.md section 10).
async fn similar(
    auth: &Auth,
    uid: &str,
    mut query: SimilarQuery,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let uid = index_uid(uid)?;
    query.imposed = auth.search_filter(&uid).cloned();
    let answer = blocking(move || search(&scheduler, &uid, query, &scheduler.features()));
    Ok(HttpResponse::Ok().json(answer.await?))
}
