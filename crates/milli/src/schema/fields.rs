//! Field names ↔ field ids (storage-index.md 6.1). Append-only: a name is never removed, an id never
//! given again, not even when all documents are cleared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Id of a field name.
pub type FieldId = u16;

/// All 65,536 field ids have been handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an index can hold at most 65,536 field names, nested names included")]
pub struct FieldsLimitReached;

/// The names that an index has met and their ids; serialised as the main key `fields-ids-map`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldsIdsMap {
    names_ids: BTreeMap<String, FieldId>,
    ids_names: BTreeMap<FieldId, String>,
    next_id: Option<FieldId>,
}

impl Default for FieldsIdsMap {
    fn default() -> FieldsIdsMap {
        FieldsIdsMap { names_ids: BTreeMap::new(), ids_names: BTreeMap::new(), next_id: Some(0) }
    }
}

impl FieldsIdsMap {
    /// The id of a name, handing out the next one when the name is new.
    ///
    /// # Errors
    /// All ids are taken.
    pub fn insert(&mut self, name: &str) -> Result<FieldId, FieldsLimitReached> {
        if let Some(&id) = self.names_ids.get(name) {
            return Ok(id);
        }
        let id = self.next_id.ok_or(FieldsLimitReached)?;
        self.next_id = id.checked_add(1);
        self.names_ids.insert(name.to_owned(), id);
        self.ids_names.insert(id, name.to_owned());
        Ok(id)
    }

    /// The id of a name.
    pub fn id(&self, name: &str) -> Option<FieldId> {
        self.names_ids.get(name).copied()
    }

    /// The name of an id.
    pub fn name(&self, id: FieldId) -> Option<&str> {
        self.ids_names.get(&id).map(String::as_str)
    }

    /// All fields in id order.
    pub fn iter(&self) -> impl Iterator<Item = (FieldId, &str)> {
        self.ids_names.iter().map(|(&id, name)| (id, name.as_str()))
    }

    /// All fields in byte order of their names.
    pub fn iter_by_name(&self) -> impl Iterator<Item = (&str, FieldId)> {
        self.names_ids.iter().map(|(name, &id)| (name.as_str(), id))
    }

    /// Whether both directions agree and the next id is above all others; stored bytes may be anybody's.
    pub(crate) fn is_consistent(&self) -> bool {
        let above_all = match self.next_id {
            Some(next) => self.ids_names.keys().all(|id| *id < next),
            None => true,
        };
        above_all
            && self.names_ids.len() == self.ids_names.len()
            && self.names_ids.iter().all(|(name, id)| self.ids_names.get(id) == Some(name))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.ids_names.len()
    }

    /// Whether no field is known yet.
    pub fn is_empty(&self) -> bool {
        self.ids_names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_json() {
        let mut map = FieldsIdsMap::default();
        for name in ["id", "title", "kind", "title"] {
            map.insert(name).unwrap();
        }
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(
            json,
            r#"{"names_ids":{"id":0,"kind":2,"title":1},"ids_names":{"0":"id","1":"title","2":"kind"},"next_id":3}"#
        );
        assert_eq!(serde_json::from_str::<FieldsIdsMap>(&json).unwrap(), map);
    }

    #[test]
    fn the_last_id_can_be_used_and_then_none() {
        let mut map = FieldsIdsMap { next_id: Some(u16::MAX), ..FieldsIdsMap::default() };
        assert_eq!(map.insert("last"), Ok(u16::MAX));
        assert_eq!(map.insert("one more"), Err(FieldsLimitReached));
        assert_eq!(map.insert("last"), Ok(u16::MAX));
    }
}
