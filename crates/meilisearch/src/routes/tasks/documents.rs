//! `GET /tasks/{task_id}/documents`: the documents that wait for their task (http-api.md section 12).

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::web::{Data, Path};
use index_scheduler::IndexScheduler;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::tasks::{KindWithContent, TaskId};

use super::{find, task_id};
use crate::extract::auth::{Guarded, actions};
use crate::features::not_enabled;
use crate::file_stream::parts;
use crate::routes::{Answer, blocking};

/// Sends the file as it is: its documents stand one behind the other.
pub(super) async fn documents(
    auth: Guarded<actions::TasksGet>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let uid = task_id(&uid)?;
    if !scheduler.features().get_task_documents_route {
        let what = "The route `GET /tasks/{task_id}/documents`";
        return Err(not_enabled(what, "getTaskDocumentsRoute"));
    }
    let filter = auth.into_filter();
    let (file, length) = blocking(move || {
        let KindWithContent::DocumentAdditionOrUpdate { content_file, .. } =
            find(&scheduler, &filter, uid)?.kind
        else {
            return Err(no_file(uid));
        };
        // It is deleted when the task has ended, perhaps at this moment.
        let file = scheduler.file_store().get(content_file).map_err(|_| no_file(uid))?;
        let length = file.metadata().map_err(|_| no_file(uid))?.len();
        Ok((file, length))
    })
    .await?;
    let body = SizedStream::new(length, parts(file, 0, length));
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(body))
}

fn no_file(uid: TaskId) -> ResponseError {
    let message = format!(
        "The task {uid} has no file of documents. Only tasks that add documents have one, until they \
         have ended."
    );
    ResponseError::from_msg(message, Code::TaskFileNotFound)
}
