//! Query parameters that choose tasks or batches (http-api.md section 12).

use deserr::Deserr;
use index_scheduler::Query;
use meilisearch_types::deserr::{
    AfterDate, BeforeDate, DeserrQueryParamError, Param, StarOr, StarOrList,
};
use meilisearch_types::error::deserr_codes::{
    InvalidBatchUids, InvalidIndexUid, InvalidTaskAfterEnqueuedAt, InvalidTaskAfterFinishedAt,
    InvalidTaskAfterStartedAt, InvalidTaskBeforeEnqueuedAt, InvalidTaskBeforeFinishedAt,
    InvalidTaskBeforeStartedAt, InvalidTaskCanceledBy, InvalidTaskFrom, InvalidTaskLimit,
    InvalidTaskReverse, InvalidTaskStatuses, InvalidTaskTypes, InvalidTaskUids,
};
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::tasks::{BatchId, Kind, Status, TaskId};
use schemars::JsonSchema;
use time::OffsetDateTime;

use crate::routes::DEFAULT_LIMIT;

/// Declares the parameters of a route: those given first, then all that choose tasks, and the
/// conversion of the latter.
macro_rules! filters {
    (
        $(#[$doc:meta])* $name:ident {
            $( $(#[$attribute:meta])* $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Default, PartialEq, Deserr, JsonSchema)]
        #[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
        #[schemars(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name {
            $( $(#[$attribute])* $field: $type, )*
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskUids>)]
            uids: Option<StarOrList<TaskId>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidBatchUids>)]
            batch_uids: Option<StarOrList<BatchId>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskCanceledBy>)]
            canceled_by: Option<StarOrList<TaskId>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskTypes>)]
            types: Option<StarOrList<Kind>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskStatuses>)]
            statuses: Option<StarOrList<Status>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidIndexUid>)]
            index_uids: Option<StarOrList<IndexUid>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskAfterEnqueuedAt>)]
            after_enqueued_at: Option<StarOr<AfterDate>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskBeforeEnqueuedAt>)]
            before_enqueued_at: Option<StarOr<BeforeDate>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskAfterStartedAt>)]
            after_started_at: Option<StarOr<AfterDate>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskBeforeStartedAt>)]
            before_started_at: Option<StarOr<BeforeDate>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskAfterFinishedAt>)]
            after_finished_at: Option<StarOr<AfterDate>>,
            #[deserr(default, error = DeserrQueryParamError<InvalidTaskBeforeFinishedAt>)]
            before_finished_at: Option<StarOr<BeforeDate>>,
        }

        impl $name {
            /// The filters, without paging.
            pub(crate) fn into_query(self) -> Query {
                Query {
                    uids: self.uids.and_then(StarOrList::list),
                    batch_uids: self.batch_uids.and_then(StarOrList::list),
                    canceled_by: self.canceled_by.and_then(StarOrList::list),
                    types: self.types.and_then(StarOrList::list),
                    statuses: self.statuses.and_then(StarOrList::list),
                    index_uids: self
                        .index_uids
                        .and_then(StarOrList::list)
                        .map(|uids| uids.into_iter().map(String::from).collect()),
                    after_enqueued_at: after(self.after_enqueued_at),
                    before_enqueued_at: before(self.before_enqueued_at),
                    after_started_at: after(self.after_started_at),
                    before_started_at: before(self.before_started_at),
                    after_finished_at: after(self.after_finished_at),
                    before_finished_at: before(self.before_finished_at),
                    ..Query::default()
                }
            }
        }
    };
}

filters! {
    /// Parameters of `GET /tasks` and `GET /batches`.
    ListQuery {
        #[deserr(default = Param(DEFAULT_LIMIT as u32), error = DeserrQueryParamError<InvalidTaskLimit>)]
        #[schemars(default, extend("default" = DEFAULT_LIMIT))]
        limit: Param<u32>,
        #[deserr(default, error = DeserrQueryParamError<InvalidTaskFrom>)]
        from: Option<Param<TaskId>>,
        #[deserr(default, error = DeserrQueryParamError<InvalidTaskReverse>)]
        #[schemars(default)]
        reverse: Param<bool>,
    }
}

impl ListQuery {
    /// How many results to show, and what to ask for: one more, which tells where the next part
    /// begins.
    pub(crate) fn into_page(self) -> (u32, Query) {
        let (Param(limit), Param(reverse)) = (self.limit, self.reverse);
        let from = self.from.map(|Param(uid)| uid);
        let page =
            Query { limit: Some(limit.saturating_add(1)), from, reverse, ..self.into_query() };
        (limit, page)
    }
}

filters! {
    /// Parameters of `POST /tasks/cancel` and `DELETE /tasks`.
    SelectionQuery {}
}

fn after(date: Option<StarOr<AfterDate>>) -> Option<OffsetDateTime> {
    date.and_then(StarOr::other).map(|AfterDate(date)| date)
}

fn before(date: Option<StarOr<BeforeDate>>) -> Option<OffsetDateTime> {
    date.and_then(StarOr::other).map(|BeforeDate(date)| date)
}
