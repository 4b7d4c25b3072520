//! Embedders that come, change and go (vectors.md 3.3 and 4, indexing.md 15.3).

use std::collections::BTreeMap;

use embedders::{
    Config, Distribution, EmbedderConfig, EmbedderOptions, Prompt, UserProvidedOptions,
};
use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::settings::{
    EmbedderSettings, EmbedderSettingsError, EmbedderSource, Embedders as Request, Setting,
};
use obkv::{KvReaderU16, KvWriterU16};
use roaring::RoaringBitmap;

use super::super::IndexingContext;
use super::super::vectors::Embedder;
use super::SettingsError;
use crate::document::{Content, VECTORS_FIELD, stored, vectors};
use crate::error::{Error, InternalError, Result};
use crate::schema::Schema;
use crate::store::{Index, RwTxn};
use crate::vector::{CONFIGS, EmbedderStatus, VectorStore, config};

/// Most embedders of an index.
const MAX_EMBEDDERS: usize = 255;
/// The template that is stored when none is given (vectors.md 2.2).
const DEFAULT_TEMPLATE: &str = "{% for field in fields %}{% if field.is_searchable and field.value \
                                != nil %}{{ field.name }}: {{ field.value }}\n{% endif %}{% endfor %}";
const DEFAULT_TEMPLATE_MAX_BYTES: usize = 400;

/// Writes the embedders that are asked for over those in force.
///
/// # Errors
/// One cannot be as it is asked to be, or its source is not built.
pub(super) fn store(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    request: &Setting<Request>,
    old: &Schema,
) -> Result<()> {
    let mut embedders: BTreeMap<String, EmbedderConfig> = match request {
        Setting::NotSet => return Ok(()),
        Setting::Reset => BTreeMap::new(),
        Setting::Set(_) => {
            let named = |embedder: &EmbedderConfig| (embedder.name.clone(), embedder.clone());
            old.embedders.iter().map(named).collect()
        }
    };
    for (name, embedder) in request.as_ref().set().into_iter().flatten() {
        let Setting::Set(embedder) = embedder else {
            embedders.remove(name);
            continue;
        };
        let settings = EmbedderSettings::parse(name, embedder).map_err(SettingsError::from)?;
        let merged = merge(name, &settings, embedders.get(name))?;
        embedders.insert(name.clone(), merged);
    }
    if embedders.len() > MAX_EMBEDDERS {
        let name = embedders.keys().next_back().map_or("", String::as_str);
        return Err(refused(name, format!("an index has at most {MAX_EMBEDDERS} embedders")));
    }
    if embedders.is_empty() {
        CONFIGS.delete(index, wtxn)?;
        return Ok(());
    }
    CONFIGS.put(index, wtxn, &embedders.into_values().collect())
}

/// Puts what is asked for over what is stored.
fn merge(
    name: &str,
    settings: &EmbedderSettings,
    stored: Option<&EmbedderConfig>,
) -> Result<EmbedderConfig> {
    let is_user_provided = match settings.source {
        Setting::Set(source) => source == EmbedderSource::UserProvided,
        // The default source is another one.
        Setting::Reset => false,
        Setting::NotSet => stored.is_some_and(|stored| config::dimensions(stored).is_some()),
    };
    if !is_user_provided {
        return Err(NotImplemented::EmbeddersSetting.into());
    }
    settings.check_allowed(name, EmbedderSource::UserProvided).map_err(SettingsError::from)?;
    let (mut dimensions, mut distribution, mut quantized) = (None, None, None);
    if let Some(stored) = stored {
        quantized = stored.config.quantized;
        if let EmbedderOptions::UserProvided(options) = &stored.config.embedder_options {
            (dimensions, distribution) = (Some(options.dimensions), options.distribution);
        }
    }
    settings.dimensions.apply_to(&mut dimensions);
    let spread = |given: meilisearch_types::settings::EmbedderDistribution| Distribution {
        mean: given.mean,
        sigma: given.sigma,
    };
    settings.distribution.map(spread).apply_to(&mut distribution);
    settings.binary_quantized.apply_to(&mut quantized);
    let was_quantized = stored.is_some_and(EmbedderConfig::is_quantized);
    if was_quantized && quantized != Some(true) {
        let cause = "`binaryQuantized` cannot go back from true: the vectors as they were sent are \
                     lost; remove the embedder, add it again and send the vectors";
        return Err(refused(name, cause));
    }
    let Some(dimensions) = dimensions else {
        return Err(refused(name, "an embedder of source `userProvided` needs `dimensions`"));
    };
    Ok(EmbedderConfig {
        name: name.to_owned(),
        config: Config {
            embedder_options: EmbedderOptions::UserProvided(UserProvidedOptions {
                dimensions,
                distribution,
            }),
            prompt: Prompt {
                template: DEFAULT_TEMPLATE.to_owned(),
                max_bytes: Some(DEFAULT_TEMPLATE_MAX_BYTES),
            },
            quantized,
        },
        fragments: Vec::new(),
    })
}

/// Brings ids, statuses and vectors in line with the new embedders.
///
/// # Errors
/// A document brings no vectors for a new embedder, a length changes under stored vectors, the store
/// fails, or the caller asked to stop.
pub(super) fn change(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    old: &Schema,
    new: &Schema,
    context: &IndexingContext<'_>,
) -> Result<()> {
    let is_in = |list: &Schema, name: &str| list.embedders.iter().any(|other| other.name == name);
    let documents_ids = index.documents_ids(wtxn)?;
    for config in &new.embedders {
        if let Some(before) = old.embedders.iter().find(|other| other.name == config.name) {
            transform(index, wtxn, before, config, &documents_ids, context)?;
        }
    }
    let mut former = Vec::new();
    for config in old.embedders.iter().filter(|config| !is_in(new, &config.name)) {
        let status = EmbedderStatus::get(index, wtxn, &config.name)?.unwrap_or_default();
        index.tables().embedder_category_id.delete(wtxn, &config.name)?;
        let store = VectorStore::find(index, wtxn, status.id, config.is_quantized())?;
        former.extend(store.map(|store| Embedder { name: config.name.clone(), store, status }));
    }
    // Former embedders give their ids free, but their vectors are still there: new ones wait for it.
    rewrite_documents(index, wtxn, &documents_ids, &mut [], &former, context)?;
    for embedder in &former {
        embedder.store.clear(index, wtxn)?;
    }
    let mut added = Vec::new();
    for config in new.embedders.iter().filter(|config| !is_in(old, &config.name)) {
        let id = lowest_free_id(index, wtxn, &config.name)?;
        EmbedderStatus::new(id).put(index, wtxn, &config.name)?;
        added.extend(Embedder::load(index, wtxn, config)?);
    }
    rewrite_documents(index, wtxn, &documents_ids, &mut added, &[], context)?;
    for embedder in &added {
        embedder.status.put(index, wtxn, &embedder.name)?;
        if !documents_ids.is_empty() {
            embedder.store.build(index, wtxn, context.must_stop)?;
        }
    }
    Ok(())
}

/// What changes of an embedder that stays.
fn transform(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    before: &EmbedderConfig,
    after: &EmbedderConfig,
    documents_ids: &RoaringBitmap,
    context: &IndexingContext<'_>,
) -> Result<()> {
    let status = EmbedderStatus::get(index, wtxn, &after.name)?.unwrap_or_default();
    let (Some(mut store), Some(wanted)) =
        (config::store(before, status.id), config::store(after, status.id))
    else {
        return Ok(());
    };
    if store == wanted {
        return Ok(());
    }
    if store.dimensions != wanted.dimensions {
        if store.items(index, wtxn)?.iter().any(|(_, items)| !items.is_empty()) {
            let cause = format!(
                "`dimensions` cannot change from {} while documents have vectors of that length; \
                 remove their vectors, or the embedder, first",
                store.dimensions
            );
            return Err(refused(&after.name, cause));
        }
        store.clear(index, wtxn)?;
    } else if wanted.is_quantized {
        store.quantize(index, wtxn)?;
    }
    if !documents_ids.is_empty() {
        wanted.build(index, wtxn, context.must_stop)?;
    }
    Ok(())
}

/// The lowest id that no embedder has.
fn lowest_free_id(index: &Index, wtxn: &RwTxn<'_>, name: &str) -> Result<u8> {
    let mut taken = RoaringBitmap::new();
    for entry in index.tables().embedder_category_id.iter(wtxn)? {
        taken.extend(entry?.1.first().map(|id| u32::from(*id)));
    }
    (0..u8::MAX)
        .find(|id| !taken.contains(u32::from(*id)))
        .ok_or_else(|| refused(name, format!("an index has at most {MAX_EMBEDDERS} embedders")))
}

/// Moves entries of new embedders from documents to their stores, and the vectors of former ones that
/// do not follow the content back into the documents.
fn rewrite_documents(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    documents_ids: &RoaringBitmap,
    added: &mut [Embedder],
    former: &[Embedder],
    context: &IndexingContext<'_>,
) -> Result<()> {
    if (added.is_empty() && former.is_empty()) || documents_ids.is_empty() {
        return Ok(());
    }
    let primary_key = index.primary_key(wtxn)?.unwrap_or_default().to_owned();
    let mut fields = index.fields_ids_map(wtxn)?;
    let vectors_fid = fields.insert(VECTORS_FIELD)?;
    index.put_fields_ids_map(wtxn, &fields)?;
    for docid in documents_ids {
        context.check_stop()?;
        let id = stored::external_id(index, wtxn, docid, &primary_key, &fields)?;
        let missing = || InternalError::Inconsistent(format!("document {docid} is missing"));
        let document = stored::document(index, wtxn, docid)?.ok_or_else(missing)?;
        let bytes = document.as_bytes().to_vec();
        let document = KvReaderU16::from_slice(&bytes);
        let content = Content::of_stored(document, &fields)?;
        let stored = content.get(VECTORS_FIELD);
        let mut returned = Vec::new();
        for embedder in former.iter().filter(|embedder| !embedder.status.regenerates(docid)) {
            returned.push((embedder.name.clone(), embedder.store.vectors(index, wtxn, docid)?));
        }
        for embedder in added.iter_mut() {
            let given = stored.map(|json| vectors::given(json, &embedder.name, &id)).transpose()?;
            let change = embedder.inserted(given.flatten(), &id)?;
            change.apply(index, wtxn, docid, embedder.store, &mut embedder.status)?;
        }
        let is_moved = |name: &str| added.iter().any(|embedder| embedder.name == name);
        let rewritten = vectors::rewrite(stored, is_moved, returned)?;
        if rewritten.as_deref() == stored {
            continue;
        }
        let mut entries: Vec<(u16, &[u8])> =
            document.iter().filter(|(fid, _)| *fid != vectors_fid).collect();
        entries.extend(rewritten.as_deref().map(|json| (vectors_fid, json.as_bytes())));
        entries.sort_unstable_by_key(|(fid, _)| *fid);
        let mut writer = KvWriterU16::memory();
        for (fid, json) in entries {
            writer.insert(fid, json)?;
        }
        let bytes = writer.into_inner()?;
        let documents = index.tables().documents.remap_data_type::<heed::types::Bytes>();
        documents.put(wtxn, &docid, &bytes)?;
    }
    Ok(())
}

fn refused(name: &str, cause: impl Into<String>) -> Error {
    SettingsError::from(EmbedderSettingsError::new(name, cause)).into()
}
