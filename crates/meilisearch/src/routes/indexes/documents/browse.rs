//! Reading documents: one by its id, or a page of those that ids and a filter select
//! (http-api.md section 7). Pages wait in the search queue like searches.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, ValueKind, ValuePointerRef, take_cf_content,
};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{
    CommaList, DeserrJsonError, DeserrQueryParamError, Param, StarOrList,
};
use meilisearch_types::error::deserr_codes::{
    InvalidDocumentFields, InvalidDocumentFilter, InvalidDocumentIds, InvalidDocumentLimit,
    InvalidDocumentOffset, InvalidDocumentRetrieveVectors, InvalidDocumentSort,
    InvalidDocumentUseNetwork,
};
use meilisearch_types::error::{Code, ErrorCode, ResponseError};
use milli::document::{self, VECTORS_FIELD};
use milli::query::filter::Filter;
use milli::search::projection::project;
use milli::search::sort::{SortError, SortParameter, split_sort};
use milli::{Index, RoTxn, Schema};
use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::order::Ordering;
use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::features;
use crate::routes::{Answer, DEFAULT_LIMIT, Page, blocking};
use crate::search::query_get::filter_value;
use crate::search_queue::SearchQueue;

type Auth = Guarded<actions::DocumentsGet>;

/// What a page is made of, whichever way it was asked for.
struct Selection {
    offset: usize,
    limit: usize,
    ids: Option<Vec<String>>,
    filter: Option<Filter>,
    sort: Option<SortParameter>,
    shape: Shape,
}

/// What of each document is shown.
struct Shape {
    /// Names of fields; all when there are none.
    fields: Option<Vec<String>>,
    /// Whether `_vectors` is shown too.
    retrieve_vectors: bool,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentOffset>)]
    #[schemars(default)]
    offset: Param<usize>,
    #[deserr(default = Param(DEFAULT_LIMIT), error = DeserrQueryParamError<InvalidDocumentLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    limit: Param<usize>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentFields>)]
    fields: Option<StarOrList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentRetrieveVectors>)]
    #[schemars(default)]
    retrieve_vectors: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentIds>)]
    ids: Option<CommaList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentFilter>)]
    filter: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentSort>)]
    sort: Option<String>,
    /// Refused whatever its value, as it always was: it is read as JSON, and text is not.
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentUseNetwork>)]
    use_network: Option<bool>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DocumentFetch")]
pub(super) struct FetchBody {
    #[deserr(default, error = DeserrJsonError<InvalidDocumentOffset>)]
    #[schemars(default)]
    offset: usize,
    #[deserr(default = DEFAULT_LIMIT, error = DeserrJsonError<InvalidDocumentLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    limit: usize,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentFields>)]
    fields: Option<Vec<String>>,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentRetrieveVectors>)]
    #[schemars(default)]
    retrieve_vectors: bool,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentIds>)]
    ids: Option<Vec<ExternalId>>,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentFilter>)]
    filter: Option<Value>,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentSort>)]
    sort: Option<Vec<String>>,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentUseNetwork>)]
    use_network: Option<bool>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ShowQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentFields>)]
    fields: Option<StarOrList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentRetrieveVectors>)]
    #[schemars(default)]
    retrieve_vectors: Param<bool>,
    /// Refused whatever its value, as in the list.
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentUseNetwork>)]
    use_network: Option<bool>,
}

pub(super) async fn list(
    _auth: Auth,
    uid: Path<String>,
    query: Query<ListQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
    queue: Data<SearchQueue>,
) -> Answer {
    let query = query.into_inner();
    features::check_use_network(query.use_network, scheduler.features())?;
    let filter = query.filter.map(filter_value);
    let selection = Selection {
        offset: query.offset.0,
        limit: query.limit.0,
        ids: query.ids.map(|CommaList(ids)| ids),
        filter: filter.as_ref().map(parse_filter).transpose()?.flatten(),
        sort: query.sort.map(|text| parse_sort(&split_sort(&text))).transpose()?,
        shape: Shape {
            fields: query.fields.and_then(StarOrList::list),
            retrieve_vectors: query.retrieve_vectors.0,
        },
    };
    browse(&uid, selection, scheduler, &queue).await
}

pub(super) async fn fetch(
    _auth: Auth,
    uid: Path<String>,
    body: Json<FetchBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
    queue: Data<SearchQueue>,
) -> Answer {
    let body = body.into_inner();
    features::check_use_network(body.use_network, scheduler.features())?;
    let selection = Selection {
        offset: body.offset,
        limit: body.limit,
        ids: body.ids.map(|ids| ids.into_iter().map(|ExternalId(id)| id).collect()),
        filter: body.filter.as_ref().map(parse_filter).transpose()?.flatten(),
        sort: body.sort.map(|criteria| parse_sort(&criteria)).transpose()?,
        shape: Shape { fields: body.fields, retrieve_vectors: body.retrieve_vectors },
    };
    browse(&uid, selection, scheduler, &queue).await
}

/// Answers a page. The permit goes with the work, which may outlive the request.
async fn browse(
    uid: &str,
    selection: Selection,
    scheduler: Data<IndexScheduler>,
    queue: &SearchQueue,
) -> Answer {
    let uid = index_uid(uid)?;
    let permit = match scheduler.features().disable_documents_fetch_queue {
        true => None,
        false => Some(queue.acquire().await?),
    };
    let page = blocking(move || {
        let page = page(&scheduler, &uid, selection);
        drop(permit);
        page
    });
    Ok(HttpResponse::Ok().json(page.await?))
}

fn page(
    scheduler: &IndexScheduler,
    uid: &str,
    selection: Selection,
) -> Result<Page<Map<String, Value>>, ResponseError> {
    let Selection { offset, limit, ids, filter, sort, shape } = selection;
    let index = scheduler.index(uid)?;
    let rtxn = index.read_txn()?;
    let mut candidates = index.documents_ids(&rtxn)?;
    if let Some(ids) = ids {
        let mut wanted = RoaringBitmap::new();
        for id in ids {
            wanted.extend(document::docid(&index, &rtxn, &id)?);
        }
        candidates &= wanted;
    }
    let schema = Schema::load(&index, &rtxn)?;
    if let Some(filter) = filter {
        candidates &= filter
            .evaluate(&index, &rtxn, &schema, &scheduler.features())
            .map_err(|error| refusal(uid, error))?;
    }
    let total = candidates.len() as usize;
    let fields = index.fields_ids_map(&rtxn)?;
    let docids = match sort {
        None => candidates.iter().skip(offset).take(limit).collect(),
        Some(sort) => {
            let criteria = sort.sortable(&schema).map_err(sort_refusal)?;
            let ordering = Ordering { index: &index, rtxn: &rtxn, fields: &fields };
            let mut page = ordering.first(candidates, criteria, offset.saturating_add(limit))?;
            page.split_off(offset.min(page.len()))
        }
    };
    let mut results = Vec::with_capacity(docids.len());
    for docid in docids {
        let Some(stored) = document::document(&index, &rtxn, docid)? else { continue };
        results.push(shape.show(&index, &rtxn, docid, document::to_json(stored, &fields)?)?);
    }
    Ok(Page { results, offset, limit, total })
}

pub(super) async fn show(
    _auth: Auth,
    path: Path<(String, String)>,
    query: Query<ShowQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let (uid, id) = path.into_inner();
    let query = query.into_inner();
    features::check_use_network(query.use_network, scheduler.features())?;
    let uid = index_uid(&uid)?;
    let shape = Shape {
        fields: query.fields.and_then(StarOrList::list),
        retrieve_vectors: query.retrieve_vectors.0,
    };
    let shown = blocking(move || {
        let index = scheduler.index(&uid)?;
        let rtxn = index.read_txn()?;
        let docid = document::docid(&index, &rtxn, &id)?;
        let stored = match docid {
            Some(docid) => document::document(&index, &rtxn, docid)?.map(|stored| (docid, stored)),
            None => None,
        };
        let Some((docid, stored)) = stored else {
            let message = format!("The index `{uid}` holds no document with the id `{id}`.");
            return Err(ResponseError::from_msg(message, Code::DocumentNotFound));
        };
        let document = document::to_json(stored, &index.fields_ids_map(&rtxn)?)?;
        shape.show(&index, &rtxn, docid, document)
    });
    Ok(HttpResponse::Ok().json(shown.await?))
}

impl Shape {
    /// The part of a stored document that is shown.
    fn show(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        docid: u32,
        mut document: Map<String, Value>,
    ) -> Result<Map<String, Value>, ResponseError> {
        // The store keeps the vectors of embedders elsewhere; what is here belongs to none.
        let vectors = document.shift_remove(VECTORS_FIELD);
        if let Some(names) = &self.fields {
            document = project(&document, names.iter().map(String::as_str));
        }
        if self.retrieve_vectors {
            let vectors = milli::vector::vectors_of(index, rtxn, docid, vectors)?;
            document.insert(VECTORS_FIELD.to_owned(), Value::Object(vectors));
        }
        Ok(document)
    }
}

/// The filter of a request for documents; `None` when it is empty.
pub(super) fn parse_filter(filter: &Value) -> Result<Option<Filter>, ResponseError> {
    Filter::from_json(filter).map_err(|error| {
        ResponseError::from_msg(error.to_string(), error.code_on(Code::InvalidDocumentFilter))
    })
}

fn parse_sort(criteria: &[String]) -> Result<SortParameter, ResponseError> {
    SortParameter::parse(criteria).map_err(sort_refusal)
}

fn sort_refusal(error: SortError) -> ResponseError {
    ResponseError::from_msg(error.to_string(), Code::InvalidDocumentSort)
}

/// The engine's error, told with the index; what is wrong with a filter has the code of documents.
fn refusal(uid: &str, error: milli::Error) -> ResponseError {
    let code = match &error {
        milli::Error::Filter(filter) => filter.code_on(Code::InvalidDocumentFilter),
        error => error.error_code(),
    };
    ResponseError::from_msg(format!("Index `{uid}`: {error}"), code)
}

/// A document id as a body may give it: text or integer.
#[derive(Debug, JsonSchema)]
#[schemars(inline, extend("type" = ["string", "integer"]))]
struct ExternalId(String);

impl<E: DeserializeError> Deserr<E> for ExternalId {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        match value {
            deserr::Value::String(id) => Ok(ExternalId(id)),
            deserr::Value::Integer(id) => Ok(ExternalId(id.to_string())),
            deserr::Value::NegativeInteger(id) => Ok(ExternalId(id.to_string())),
            actual => Err(take_cf_content(E::error(
                None,
                ErrorKind::IncorrectValueKind {
                    actual,
                    accepted: &[ValueKind::String, ValueKind::Integer, ValueKind::NegativeInteger],
                },
                location,
            ))),
        }
    }
}
