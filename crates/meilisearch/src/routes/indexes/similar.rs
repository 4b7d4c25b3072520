//! `GET, POST /indexes/{index_uid}/similar` (http-api.md section 10): its parameters and their
//! mistakes. Looking for similar documents needs an embedder and is not built.

use actix_web::web::{self, Data, Path, ServiceConfig};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{CommaList, DeserrJsonError, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::*;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::not_implemented::NotImplemented;
use milli::query::filter::Filter;
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::routes::{Answer, blocking};
use crate::search::kind::check_embedder;
use crate::search::query::{Share, restrict};
use crate::search::query_get::filter_value;

type Auth = Guarded<actions::Search>;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(
        web::resource("/indexes/{index_uid}/similar")
            .route(web::get().to(by_query_string))
            .route(web::post().to(by_body)),
    );
}

/// Body of the POST.
#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the search is built")]
struct SimilarBody {
    #[deserr(error = DeserrJsonError<InvalidSimilarId>)]
    id: Value,
    #[deserr(error = DeserrJsonError<InvalidSimilarEmbedder>)]
    embedder: String,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarOffset>)]
    offset: usize,
    #[deserr(default = 20, error = DeserrJsonError<InvalidSimilarLimit>)]
    limit: usize,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarFilter>)]
    filter: Option<Value>,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarAttributesToRetrieve>)]
    attributes_to_retrieve: Option<Vec<String>>,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarRetrieveVectors>)]
    retrieve_vectors: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarShowRankingScore>)]
    show_ranking_score: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarShowRankingScoreDetails>)]
    show_ranking_score_details: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarShowPerformanceDetails>)]
    show_performance_details: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSimilarRankingScoreThreshold>)]
    ranking_score_threshold: Option<Share>,
}

/// Query string of the GET.
#[derive(Debug, Deserr)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the search is built")]
struct SimilarParameters {
    #[deserr(error = DeserrQueryParamError<InvalidSimilarId>)]
    id: String,
    #[deserr(error = DeserrQueryParamError<InvalidSimilarEmbedder>)]
    embedder: String,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarOffset>)]
    offset: Param<usize>,
    #[deserr(default = Param(20), error = DeserrQueryParamError<InvalidSimilarLimit>)]
    limit: Param<usize>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarFilter>)]
    filter: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarAttributesToRetrieve>)]
    attributes_to_retrieve: Option<CommaList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarRetrieveVectors>)]
    retrieve_vectors: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarShowRankingScore>)]
    show_ranking_score: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarShowRankingScoreDetails>)]
    show_ranking_score_details: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSimilarShowPerformanceDetails>)]
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
    let SimilarParameters { embedder, filter, .. } = query.into_inner();
    similar(&auth, &uid, embedder, filter.map(filter_value), scheduler).await
}

async fn by_body(
    auth: Auth,
    uid: Path<String>,
    body: Json<SimilarBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let SimilarBody { embedder, filter, .. } = body.into_inner();
    similar(&auth, &uid, embedder, filter, scheduler).await
}

async fn similar(
    auth: &Auth,
    uid: &str,
    embedder: String,
    filter: Option<Value>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let uid = index_uid(uid)?;
    let filter = restrict(filter, auth.search_filter(&uid));
    blocking(move || {
        let index = scheduler.index(&uid)?;
        let rtxn = index.read_txn()?;
        check_embedder(&embedder, &index.embedder_names(&rtxn)?, Code::InvalidSimilarEmbedder)?;
        if let Some(filter) = filter {
            Filter::from_json(&filter).map_err(|error| {
                ResponseError::from_msg(
                    error.to_string(),
                    error.code_on(Code::InvalidSimilarFilter),
                )
            })?;
        }
        Ok(())
    })
    .await?;
    Err(NotImplemented::SimilarDocuments.into())
}
