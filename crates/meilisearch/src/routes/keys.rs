//! `/keys` and `/keys/{uid_or_key}` (http-api.md section 13).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use meilisearch_auth::AuthStore;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::{InvalidApiKeyLimit, InvalidApiKeyOffset};
use meilisearch_types::keys::{CreateKey, Key, KeyView, UpdateKey};
use schemars::JsonSchema;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::query::Query;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, DEFAULT_LIMIT, Page, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    routes
        .add(
            resource("/keys")
                .get(list, about("List the API keys").answers::<Page<KeyView>>(200))
                .post(create, about("Create an API key").answers::<KeyView>(201)),
        )
        .add(
            resource("/keys/{uid_or_key}")
                .get(show, about("Show an API key").answers::<KeyView>(200))
                .patch(
                    update,
                    about("Change name or description of an API key").answers::<KeyView>(200),
                )
                .delete(delete, about("Delete an API key").answers_nothing(204)),
        );
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ListQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidApiKeyOffset>)]
    #[schemars(default)]
    offset: Param<usize>,
    #[deserr(default = Param(DEFAULT_LIMIT), error = DeserrQueryParamError<InvalidApiKeyLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    limit: Param<usize>,
}

async fn list(
    _auth: Guarded<actions::KeysGet>,
    query: Query<ListQuery, DeserrQueryParamError>,
    store: Data<AuthStore>,
) -> Answer {
    let ListQuery { offset: Param(offset), limit: Param(limit) } = query.into_inner();
    let page = blocking(move || {
        let keys = store.list_keys()?;
        let total = keys.len();
        let shown = keys.into_iter().skip(offset).take(limit);
        let results = shown.map(|key| view(&store, key)).collect();
        Ok(Page { results, offset, limit, total })
    });
    Ok(HttpResponse::Ok().json(page.await?))
}

async fn create(
    _auth: Guarded<actions::KeysCreate>,
    body: Json<CreateKey, DeserrJsonError>,
    store: Data<AuthStore>,
) -> Answer {
    let new = body.into_inner();
    let key = blocking(move || Ok(view(&store, store.create_key(new)?)));
    Ok(HttpResponse::Created().json(key.await?))
}

async fn show(
    _auth: Guarded<actions::KeysGet>,
    uid_or_key: Path<String>,
    store: Data<AuthStore>,
) -> Answer {
    let key = blocking(move || Ok(view(&store, store.key(&uid_or_key)?)));
    Ok(HttpResponse::Ok().json(key.await?))
}

async fn update(
    _auth: Guarded<actions::KeysUpdate>,
    uid_or_key: Path<String>,
    body: Json<UpdateKey, DeserrJsonError>,
    store: Data<AuthStore>,
) -> Answer {
    let change = body.into_inner();
    let key = blocking(move || Ok(view(&store, store.update_key(&uid_or_key, change)?)));
    Ok(HttpResponse::Ok().json(key.await?))
}

async fn delete(
    _auth: Guarded<actions::KeysDelete>,
    uid_or_key: Path<String>,
    store: Data<AuthStore>,
) -> Answer {
    blocking(move || Ok(store.delete_key(&uid_or_key)?)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A key with its secret, which is derived and stored nowhere.
fn view(store: &AuthStore, key: Key) -> KeyView {
    let secret = store.secret(key.uid);
    KeyView::new(key, secret)
}
