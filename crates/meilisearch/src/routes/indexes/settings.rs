//! `/indexes/{index_uid}/settings` and one sub-route a setting (http-api.md section 11).
//!
//! A sub-route is the whole route seen through one key: its body is the value under that key, its
//! answer the value found there. The table of settings, [`SettingName::ALL`], is all that tells
//! them apart.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use index_scheduler::IndexScheduler;
use meilisearch_auth::AuthFilter;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::{Code, ErrorCode, ResponseError};
use meilisearch_types::settings::{
    EmbedderSettings, EmbedderSettingsError, Setting, SettingName, Settings, WriteVerb,
};
use meilisearch_types::tasks::KindWithContent;
use serde_json::{Map, Value};

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::features;
use crate::openapi::about;
use crate::routes::table::{Resource, Routes, resource};
use crate::routes::{Answer, blocking, enqueue};

const WHOLE: &str = "/indexes/{index_uid}/settings";

pub(crate) fn configure(routes: &mut Routes) {
    routes.add(
        resource(WHOLE)
            .get(show, about("Show the settings of an index").answers::<Settings>(200))
            .patch(
                update,
                about("Change settings of an index")
                    .note("What is left out stays as it is, null resets.")
                    .enqueues(),
            )
            .delete(reset, about("Reset all settings of an index").enqueues()),
    );
    for setting in SettingName::ALL.iter().copied() {
        routes.add(of_setting(setting));
    }
}

/// The route of one setting.
fn of_setting(setting: SettingName) -> Resource {
    let key = setting.key();
    let show = about(format!("Show the setting `{key}`")).answers_setting(setting);
    let write = about(format!("Change the setting `{key}`")).takes_setting(setting).enqueues();
    let reset = about(format!("Reset the setting `{key}`")).enqueues();
    let at_path = resource(format!("{WHOLE}/{}", setting.route()))
        .get(move |auth, uid, scheduler| show_one(setting, auth, uid, scheduler), show);
    let update = move |auth, uid, body, scheduler| update_one(setting, auth, uid, body, scheduler);
    let at_path = match setting.verb() {
        WriteVerb::Put => at_path.put(update, write),
        WriteVerb::Patch => at_path.patch(update, write),
    };
    at_path.delete(move |auth, uid, scheduler| reset_one(setting, auth, uid, scheduler), reset)
}

async fn show(
    _auth: Guarded<actions::SettingsGet>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let features = scheduler.features();
    let mut settings = read(&uid, scheduler).await?;
    for (shown, setting) in [
        (features.foreign_keys, SettingName::ForeignKeys),
        (features.chat_completions, SettingName::Chat),
    ] {
        if !shown {
            settings.shift_remove(setting.key());
        }
    }
    Ok(HttpResponse::Ok().json(settings))
}

async fn show_one(
    setting: SettingName,
    _auth: Guarded<actions::SettingsGet>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let mut settings = read(&uid, scheduler).await?;
    Ok(HttpResponse::Ok().json(settings.shift_remove(setting.key()).unwrap_or_default()))
}

/// The settings of an index as a JSON object, secrets hidden.
async fn read(
    uid: &str,
    scheduler: Data<IndexScheduler>,
) -> Result<Map<String, Value>, ResponseError> {
    let uid = index_uid(uid)?;
    blocking(move || {
        let index = scheduler.index(&uid)?;
        let rtxn = index.read_txn()?;
        let mut settings = milli::schema::settings(&index, &rtxn)?;
        settings.hide_secrets();
        match serde_json::to_value(settings) {
            Ok(Value::Object(settings)) => Ok(settings),
            _ => Err(ResponseError::from_msg(
                format!("The settings of the index `{uid}` cannot be shown as JSON."),
                Code::Internal,
            )),
        }
    })
    .await
}

async fn update(
    auth: Guarded<actions::SettingsUpdate>,
    uid: Path<String>,
    body: Json<Settings, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    change(&auth, &uid, body.into_inner(), scheduler).await
}

async fn update_one(
    setting: SettingName,
    auth: Guarded<actions::SettingsUpdate>,
    uid: Path<String>,
    body: Json<Value, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let settings = setting.parse(body.into_inner())?;
    change(&auth, &uid, settings, scheduler).await
}

async fn reset(
    _auth: Guarded<actions::SettingsUpdate>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    forget(&uid, Settings::reset(), scheduler).await
}

async fn reset_one(
    setting: SettingName,
    _auth: Guarded<actions::SettingsUpdate>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    forget(&uid, setting.parse(Value::Null)?, scheduler).await
}

/// Enqueues new settings; they may create the index where the key allows it.
async fn change(
    filter: &AuthFilter,
    uid: &str,
    new_settings: Settings,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let embedders = parse_embedders(&new_settings).map_err(refused)?;
    check_features(&new_settings, &scheduler)?;
    for (name, embedder) in &embedders {
        embedders::settings::check(name, embedder).map_err(refused)?;
    }
    if let Some(missing) = new_settings.not_implemented() {
        return Err(missing.into());
    }
    let uid = index_uid(uid)?;
    let kind = KindWithContent::SettingsUpdate {
        allow_index_creation: filter.allow_index_creation(&uid),
        index_uid: uid.into(),
        new_settings: Box::new(new_settings),
        is_deletion: false,
    };
    enqueue(&scheduler, kind, None, StatusCode::ACCEPTED).await
}

/// The embedders that settings change.
fn parse_embedders(
    settings: &Settings,
) -> Result<Vec<(&str, EmbedderSettings)>, EmbedderSettingsError> {
    let embedders = settings.embedders.as_ref().set().into_iter().flatten();
    let changed = embedders.filter_map(|(name, embedder)| match embedder {
        Setting::Set(embedder) => Some((name, embedder)),
        Setting::NotSet | Setting::Reset => None,
    });
    changed
        .map(|(name, embedder)| Ok((&**name, EmbedderSettings::parse(name, embedder)?)))
        .collect()
}

fn refused(error: EmbedderSettingsError) -> ResponseError {
    ResponseError::from_msg(error.to_string(), error.error_code())
}

/// Refuses settings whose experimental feature is off; resetting them needs none.
fn check_features(settings: &Settings, scheduler: &IndexScheduler) -> Result<(), ResponseError> {
    let switches = scheduler.features();
    if settings.foreign_keys.as_ref().set().is_some() && !switches.foreign_keys {
        return Err(features::not_enabled("The index setting `foreignKeys`", "foreignKeys"));
    }
    if settings.chat.as_ref().set().is_some() && !switches.chat_completions {
        return Err(features::not_enabled("The index setting `chat`", "chatCompletions"));
    }
    if settings.asks_for_composite_embedders() && !switches.composite_embedders {
        return Err(features::not_enabled("A composite embedder", "compositeEmbedders"));
    }
    if settings.asks_for_fragments() && !switches.multimodal {
        return Err(features::not_enabled("An embedder with fragments", "multimodal"));
    }
    Ok(())
}

/// Enqueues a reset; it never creates an index.
async fn forget(uid: &str, resets: Settings, scheduler: Data<IndexScheduler>) -> Answer {
    let kind = KindWithContent::SettingsUpdate {
        index_uid: index_uid(uid)?.into(),
        new_settings: Box::new(resets),
        is_deletion: true,
        allow_index_creation: false,
    };
    enqueue(&scheduler, kind, None, StatusCode::ACCEPTED).await
}
