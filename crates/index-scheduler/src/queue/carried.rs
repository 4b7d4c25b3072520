//! Values that dumps carry from one instance to the next: chat workspaces and the network
//! (storage-instance.md 7 and 13). They are passed on in the form in which they are stored.

use heed::types::Str;
use heed::{Database, RoTxn, RwTxn};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Queue;
use super::codec::Json;
use crate::error::{Error, Result};

const CHATS: &str = "chat-settings";
/// Key of the network beside the experimental features.
const NETWORK: &str = "network";

impl Queue {
    /// The chat workspaces by name.
    pub(crate) fn chat_settings(&self, rtxn: &RoTxn<'_>) -> Result<Vec<(String, Value)>> {
        let workspaces = self.named(rtxn, CHATS)?;
        workspaces
            .iter(rtxn)?
            .map(|entry| Ok(entry.map(|(name, settings)| (name.to_owned(), settings))?))
            .collect()
    }

    /// Stores a chat workspace.
    pub(crate) fn put_chat_settings(
        &self,
        wtxn: &mut RwTxn<'_>,
        workspace: &str,
        settings: &Value,
    ) -> Result<()> {
        Ok(self.named(wtxn, CHATS)?.put(wtxn, workspace, settings)?)
    }

    /// The network; the one of an instance that knows no other when none is stored.
    pub(crate) fn network(&self, rtxn: &RoTxn<'_>) -> Result<Value> {
        let features = self.tables().features.remap_data_type::<Json<Value>>();
        Ok(features.get(rtxn, NETWORK)?.unwrap_or_else(|| {
            json!({
                "self": null,
                "remotes": {},
                "shards": {},
                "leader": null,
                "version": Uuid::nil(),
            })
        }))
    }

    /// Stores the network of a dump. This instance is another one than that which made the dump, so it is
    /// neither of the network's members nor under its leader.
    pub(crate) fn put_dumped_network(
        &self,
        wtxn: &mut RwTxn<'_>,
        mut network: Value,
    ) -> Result<()> {
        if let Value::Object(members) = &mut network {
            members.insert("self".to_owned(), Value::Null);
            members.insert("leader".to_owned(), Value::Null);
        }
        let features = self.tables().features.remap_data_type::<Json<Value>>();
        Ok(features.put(wtxn, NETWORK, &network)?)
    }

    fn named(&self, rtxn: &RoTxn<'_>, name: &str) -> Result<Database<Str, Json<Value>>> {
        let database = self.env().open_database(rtxn, Some(name))?;
        database.ok_or_else(|| Error::CorruptedQueue(format!("the database `{name}` is missing")))
    }
}
