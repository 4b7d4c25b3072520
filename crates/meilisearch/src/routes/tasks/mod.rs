//! `/tasks` and what is below it (http-api.md section 12).

mod compact;
mod documents;
pub(crate) mod filters;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use index_scheduler::{IndexFilter, IndexScheduler, Query as TaskQuery};
use meilisearch_auth::AuthFilter;
use meilisearch_types::deserr::DeserrQueryParamError;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::tasks::{KindWithContent, Task, TaskId, TaskView};
use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde::Serialize;

use self::filters::{ListQuery, SelectionQuery};
use crate::extract::auth::{Guarded, actions};
use crate::extract::query::Query;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking, enqueue};

pub(crate) fn configure(routes: &mut Routes) {
    routes
        .add(
            resource("/tasks")
                .get(list, about("List tasks").answers::<Listing<TaskView>>(200))
                .delete(
                    delete_tasks,
                    about("Delete finished tasks")
                        .note("At least one filter must be given.")
                        .enqueues_with(200),
                ),
        )
        .add(
            resource("/tasks/cancel").post(
                cancel,
                about("Cancel tasks that are waiting or running")
                    .note("At least one filter must be given.")
                    .enqueues_with(200),
            ),
        )
        .configure(compact::configure)
        .add(resource("/tasks/{task_id}").get(show, about("Show a task").answers::<TaskView>(200)))
        .add(
            resource("/tasks/{task_id}/documents").get(
                documents::documents,
                about("Show the documents that a task is to add")
                    .needs_feature("getTaskDocumentsRoute")
                    .sends(200, &["application/x-ndjson"]),
            ),
        );
}

/// A part of the list of tasks or batches.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListingOf{T}")]
pub(crate) struct Listing<T> {
    results: Vec<T>,
    total: u64,
    limit: u32,
    from: Option<u32>,
    next: Option<u32>,
}

impl<T> Listing<T> {
    /// The listing of `found`, of which one more than `limit` was asked for: the surplus one tells
    /// where the next part begins.
    pub(crate) fn new(mut found: Vec<T>, total: u64, limit: u32, uid: impl Fn(&T) -> u32) -> Self {
        let next = found.get(limit as usize).map(&uid);
        found.truncate(limit as usize);
        Listing { total, limit, from: found.first().map(&uid), next, results: found }
    }
}

async fn list(
    auth: Guarded<actions::TasksGet>,
    query: Query<ListQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let filter = auth.into_filter();
    let (limit, query) = query.into_inner().into_page();
    let listing = blocking(move || {
        let (tasks, total) = seen_by(&filter, |visible| scheduler.tasks(&query, visible))?;
        let tasks = tasks.iter().map(TaskView::from).collect();
        Ok(Listing::new(tasks, total, limit, |task| task.uid))
    });
    Ok(HttpResponse::Ok().json(listing.await?))
}

async fn show(
    auth: Guarded<actions::TasksGet>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let filter = auth.into_filter();
    let uid = task_id(&uid)?;
    let task = blocking(move || Ok(TaskView::from(&find(&scheduler, &filter, uid)?)));
    Ok(HttpResponse::Ok().json(task.await?))
}

/// Reads the uid of a task from a path.
fn task_id(uid: &str) -> Result<TaskId, ResponseError> {
    uid.parse().map_err(|_| invalid_uid(uid, Code::InvalidTaskUids))
}

/// A task that the key may see.
fn find(
    scheduler: &IndexScheduler,
    filter: &AuthFilter,
    uid: TaskId,
) -> Result<Task, ResponseError> {
    let query = TaskQuery { uids: Some(vec![uid]), ..TaskQuery::default() };
    let (tasks, _) = seen_by(filter, |visible| scheduler.tasks(&query, visible))?;
    Ok(tasks.into_iter().next().ok_or(index_scheduler::Error::TaskNotFound(uid))?)
}

/// Asks the scheduler with the eyes of a key.
pub(crate) fn seen_by<T>(filter: &AuthFilter, ask: impl FnOnce(IndexFilter<'_>) -> T) -> T {
    if filter.all_indexes_authorized() {
        ask(IndexFilter::All)
    } else {
        ask(IndexFilter::Only(&|uid| filter.is_index_authorized(uid)))
    }
}

/// The error for a path segment that should be the number of a task or a batch.
pub(crate) fn invalid_uid(found: &str, code: Code) -> ResponseError {
    let message = format!("`{found}` is not a number between 0 and {}.", u32::MAX);
    ResponseError::from_msg(message, code)
}

async fn cancel(
    auth: Guarded<actions::TasksCancel>,
    query: Query<SelectionQuery, DeserrQueryParamError>,
    request: HttpRequest,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let tasks = select(auth.into_filter(), query.into_inner(), &scheduler).await?;
    let kind = KindWithContent::TaskCancelation { query: raw_query(&request), tasks };
    enqueue(&scheduler, kind, None, StatusCode::OK).await
}

async fn delete_tasks(
    auth: Guarded<actions::TasksDelete>,
    query: Query<SelectionQuery, DeserrQueryParamError>,
    request: HttpRequest,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let tasks = select(auth.into_filter(), query.into_inner(), &scheduler).await?;
    let kind = KindWithContent::TaskDeletion { query: raw_query(&request), tasks };
    enqueue(&scheduler, kind, None, StatusCode::OK).await
}

/// The query string with its question mark, as tasks keep it.
fn raw_query(request: &HttpRequest) -> String {
    format!("?{}", request.query_string())
}

/// The tasks that match at this moment; at least one filter must be given.
async fn select(
    filter: AuthFilter,
    query: SelectionQuery,
    scheduler: &Data<IndexScheduler>,
) -> Result<RoaringBitmap, ResponseError> {
    // A filter that restricts nothing, such as `uids=*`, is a filter too.
    if query == SelectionQuery::default() {
        return Err(ResponseError::from_msg(
            "Say which tasks are meant with at least one of the parameters `uids`, `batchUids`, \
             `statuses`, `types`, `indexUids`, `canceledBy`, or a date such as \
             `beforeEnqueuedAt`; `uids=*` means all."
                .to_owned(),
            Code::MissingTaskFilters,
        ));
    }
    let scheduler = scheduler.clone();
    let query = query.into_query();
    blocking(move || Ok(seen_by(&filter, |visible| scheduler.task_uids(&query, visible))?)).await
}
