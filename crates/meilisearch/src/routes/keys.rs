//! `/keys` and `/keys/{uid_or_key}` (http-api.md section 13).

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig, get, patch, post, resource};
use deserr::Deserr;
use meilisearch_auth::AuthStore;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::{InvalidApiKeyLimit, InvalidApiKeyOffset};
use meilisearch_types::keys::{CreateKey, Key, KeyView, UpdateKey};

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::query::Query;
use crate::routes::{Answer, DEFAULT_LIMIT, Page, blocking};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/keys").route(get().to(list)).route(post().to(create))).service(
        resource("/keys/{uid_or_key}")
            .route(get().to(show))
            .route(patch().to(update))
            .route(web::delete().to(delete)),
    );
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
struct ListQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidApiKeyOffset>)]
    offset: Param<usize>,
    #[deserr(default = Param(DEFAULT_LIMIT), error = DeserrQueryParamError<InvalidApiKeyLimit>)]
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
