//! `/network` and `/network/control` (http-api.md section 14): their parameters and mistakes. The
//! network itself is not built; its control belongs to the enterprise edition.

use std::collections::BTreeMap;

use actix_web::web::Data;
use deserr::{Deserr, ValuePointerRef};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, unknown_field};
use meilisearch_types::error::deserr_codes::{
    InvalidNetworkLeader, InvalidNetworkRemotes, InvalidNetworkSearchApiKey, InvalidNetworkSelf,
    InvalidNetworkShards, InvalidNetworkUrl, InvalidNetworkWriteApiKey,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::not_implemented::NotImplemented;
use schemars::JsonSchema;
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::features::{not_built, not_enabled};
use crate::openapi::about;
use crate::routes::Answer;
use crate::routes::table::{Routes, resource};

pub(crate) fn configure(routes: &mut Routes) {
    let control = about("Take part in a change that another instance leads")
        .note("Belongs to the enterprise edition: answers 451.")
        .needs_feature("network");
    routes
        .add(
            resource("/network")
                .get(show, about("Show the network").needs_feature("network").not_built())
                .patch(change, about("Change the network").needs_feature("network").not_built()),
        )
        .add(resource("/network/control").post(self::control, control));
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields = of_the_leader)]
#[allow(dead_code, reason = "read for its own mistakes only, until the network is built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NetworkChange")]
struct Change {
    /// The instances by name; null removes one.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkRemotes>)]
    remotes: Option<BTreeMap<String, Option<Remote>>>,
    /// Which instances hold which part; null removes one.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkShards>)]
    shards: Option<BTreeMap<String, Option<Shard>>>,
    /// Read and ignored.
    #[deserr(default)]
    previous_shards: Option<Value>,
    /// Name of this instance.
    #[deserr(default, rename = "self", error = DeserrJsonError<InvalidNetworkSelf>)]
    #[schemars(rename = "self")]
    own_name: Option<String>,
    /// Name of the instance that leads.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkLeader>)]
    leader: Option<String>,
}

/// What instances tell each other has a code of its own.
fn of_the_leader(field: &str, accepted: &[&str], location: ValuePointerRef<'_>) -> DeserrJsonError {
    let codes = [("previousRemotes", Code::UnexpectedNetworkPreviousRemotes)];
    unknown_field(&codes, field, accepted, location)
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidNetworkRemotes>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the network is built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NetworkRemote")]
struct Remote {
    #[deserr(default, error = DeserrJsonError<InvalidNetworkUrl>)]
    url: Option<String>,
    /// Key that allows to search there.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkSearchApiKey>)]
    search_api_key: Option<String>,
    /// Key that allows to write there.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkWriteApiKey>)]
    write_api_key: Option<String>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidNetworkShards>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the network is built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NetworkShard")]
struct Shard {
    /// Names of the instances that hold it.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkRemotes>)]
    remotes: Option<Vec<String>>,
    /// Names of instances that are to hold it too.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkRemotes>)]
    add_remotes: Option<Vec<String>>,
    /// Names of instances that are to hold it no more.
    #[deserr(default, error = DeserrJsonError<InvalidNetworkRemotes>)]
    remove_remotes: Option<Vec<String>>,
}

async fn show(_auth: Guarded<actions::NetworkGet>, scheduler: Data<IndexScheduler>) -> Answer {
    not_built(NotImplemented::Network, "network", scheduler.features().network)
}

async fn change(
    _auth: Guarded<actions::NetworkUpdate>,
    _body: Json<Change, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_built(NotImplemented::Network, "network", scheduler.features().network)
}

/// What one instance tells another; members that are not known are ignored.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase)]
#[allow(dead_code, reason = "read for its own mistakes only")]
#[schemars(rename_all = "camelCase")]
#[schemars(rename = "NetworkControl")]
struct Control {
    /// Who sends the message.
    origin: BTreeMap<String, Value>,
    /// The message.
    message: BTreeMap<String, Value>,
}

async fn control(
    _auth: Guarded<actions::NetworkUpdate>,
    _body: Json<Control, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    if !scheduler.features().network {
        return Err(not_enabled("The route `POST /network/control`", "network"));
    }
    let message = "Instances that lead or follow each other belong to the enterprise edition of \
                   Meilisearch; this server does not take part in that.";
    Err(ResponseError::from_msg(message.to_owned(), Code::RequiresEnterpriseEdition))
}
