//! Authentication, the first extraction of every protected route (http-api.md section 2).
//!
//! A handler names the action that it needs by the type of its first argument:
//! `auth: Guarded<actions::DocumentsGet>`. The argument gives it the [`AuthFilter`] that says
//! which indexes the key may see.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use meilisearch_auth::{AuthFilter, AuthStore, bearer_token};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::keys::Action;

/// Name of the path parameter that holds an index uid; what a key may do depends on it.
pub const INDEX_UID: &str = "index_uid";

/// An action that a route needs, as a type.
pub trait RequiredAction: 'static {
    /// The action.
    const ACTION: Action;
}

/// The actions that routes need, one type each.
pub mod actions {
    use super::{Action, RequiredAction};

    macro_rules! actions {
        ($($name:ident),* $(,)?) => {$(
            #[doc = concat!("The route needs [`Action::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub enum $name {}
            impl RequiredAction for $name {
                const ACTION: Action = Action::$name;
            }
        )*};
    }

    actions! {
        Search, FieldsPost, DocumentsAll, DocumentsAdd, DocumentsGet, DocumentsDelete,
        IndexesCreate, IndexesGet, IndexesUpdate, IndexesDelete, IndexesSwap, IndexesCompact,
        TasksCancel, TasksDelete, TasksGet, TasksCompact, SettingsGet, SettingsUpdate, StatsGet,
        SnapshotsCreate, SnapshotsGet, SnapshotsDownload, SnapshotsImport, SnapshotsDelete,
        KeysCreate, KeysGet, KeysUpdate, KeysDelete, Version, MetricsGet, ExperimentalGet, ExperimentalUpdate,
        NetworkGet, NetworkUpdate, ChatCompletions, ChatsGet, ChatsDelete, ChatsSettingsGet,
        ChatsSettingsUpdate, DynamicSearchRulesGet, DynamicSearchRulesUpdate, DynamicSearchRulesDelete,
        DumpsCreate, Export,
        WebhooksGet, WebhooksCreate, WebhooksUpdate, WebhooksDelete,
    }
}

/// Proof that the request may do `A`, and what it may see.
pub struct Guarded<A> {
    filter: AuthFilter,
    action: PhantomData<A>,
}

impl<A> Deref for Guarded<A> {
    type Target = AuthFilter;

    fn deref(&self) -> &AuthFilter {
        &self.filter
    }
}

impl<A> Guarded<A> {
    /// The indexes that the request may see, to be moved to another thread.
    pub fn into_filter(self) -> AuthFilter {
        self.filter
    }

    /// Refuses an index that the body or the query names and the key may not touch.
    ///
    /// # Errors
    ///
    /// `invalid_api_key`.
    pub fn check_index(&self, index_uid: &str) -> Result<(), ResponseError> {
        check_index(&self.filter, index_uid)
    }
}

/// As [`Guarded::check_index`], on another thread.
pub(crate) fn check_index(filter: &AuthFilter, index_uid: &str) -> Result<(), ResponseError> {
    if filter.is_index_authorized(index_uid) {
        return Ok(());
    }
    let message = format!(
        "The API key does not give access to the index `{index_uid}`. Use a key whose list of \
         indexes covers it."
    );
    Err(ResponseError::from_msg(message, Code::InvalidApiKey))
}

impl<A: RequiredAction> FromRequest for Guarded<A> {
    type Error = ResponseError;
    type Future = Ready<Result<Self, ResponseError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authorise(request, A::ACTION).map(|filter| Guarded { filter, action: PhantomData }))
    }
}

/// Checks that the request may do `action`, on the index of its path if there is one.
fn authorise(request: &HttpRequest, action: Action) -> Result<AuthFilter, ResponseError> {
    let header = request.headers().get(AUTHORIZATION);
    let token = header.map(|header| bearer_token(header.as_bytes())).transpose()?;
    let store = request.app_data::<web::Data<AuthStore>>().ok_or_else(|| {
        ResponseError::from_msg("The key store is not open.".to_owned(), Code::Internal)
    })?;
    Ok(store.authorise(token, action, request.match_info().get(INDEX_UID))?)
}
