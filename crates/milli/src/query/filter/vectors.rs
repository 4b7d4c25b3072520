//! `_vectors… EXISTS` → the documents that have embeddings (search.md 13.6).

use filter_parser::{Text, VectorScope};
use roaring::RoaringBitmap;

use super::FilterError;
use super::error::FilterProblem;
use super::evaluate::Evaluation;
use crate::error::Result;
use crate::vector::{EmbedderStatus, VectorStore};
use embedders::EmbedderConfig;

impl Evaluation<'_, '_> {
    /// The documents with embeddings of a scope.
    pub(super) fn vectors(&self, scope: &VectorScope, source: &str) -> Result<RoaringBitmap> {
        match scope {
            VectorScope::Any => {
                let mut found = RoaringBitmap::new();
                for embedder in &self.schema.embedders {
                    found |= self.embeddings(embedder)?.embedded();
                }
                Ok(found)
            }
            VectorScope::Embedder(name) => {
                Ok(self.embeddings(self.embedder(name, source)?)?.embedded())
            }
            VectorScope::UserProvided(name) => {
                let Embeddings { status, .. } = self.embeddings(self.embedder(name, source)?)?;
                Ok(status.user_provided().clone())
            }
            VectorScope::DocumentTemplate(name) => {
                let embedder = self.embedder(name, source)?;
                if !embedder.fragments.is_empty() {
                    return Ok(RoaringBitmap::new());
                }
                let embeddings = self.embeddings(embedder)?;
                Ok(embeddings.embedded() - embeddings.status.user_provided())
            }
            VectorScope::Regenerate(name) => {
                let embeddings = self.embeddings(self.embedder(name, source)?)?;
                let mut found = embeddings.embedded();
                found -= embeddings.status.not_regenerated();
                Ok(found)
            }
            VectorScope::Fragment { embedder, fragment } => {
                let config = self.embedder(embedder, source)?;
                let named = config.fragments.iter().find(|known| known.name == fragment.value);
                let Some(named) = named else {
                    let problem = FilterProblem::UnknownFragment {
                        embedder: embedder.value.clone(),
                        fragment: fragment.value.clone(),
                        known: config.fragments.iter().map(|known| known.name.clone()).collect(),
                    };
                    return Err(FilterError::in_place(problem, fragment.span, source).into());
                };
                let Embeddings { status, stores } = self.embeddings(config)?;
                let found = stores.into_iter().find(|(id, _)| *id == named.id);
                Ok(found.map_or_else(RoaringBitmap::new, |(_, documents)| documents)
                    - status.user_provided())
            }
        }
    }

    fn embedder(&self, name: &Text, source: &str) -> Result<&EmbedderConfig> {
        let embedders = &self.schema.embedders;
        embedders.iter().find(|embedder| embedder.name == name.value).ok_or_else(|| {
            let problem = FilterProblem::UnknownEmbedder {
                embedder: name.value.clone(),
                known: embedders.iter().map(|embedder| embedder.name.clone()).collect(),
            };
            FilterError::in_place(problem, name.span, source).into()
        })
    }

    fn embeddings(&self, embedder: &EmbedderConfig) -> Result<Embeddings> {
        let (index, rtxn) = (self.index, self.rtxn);
        let status = EmbedderStatus::get(index, rtxn, &embedder.name)?.unwrap_or_default();
        let store = VectorStore::find(index, rtxn, status.id, embedder.is_quantized())?;
        let stores = match store {
            Some(store) => store.items(index, rtxn)?,
            None => Vec::new(),
        };
        Ok(Embeddings { status, stores })
    }
}

/// What is stored for an embedder.
struct Embeddings {
    status: EmbedderStatus,
    /// Documents of each store, by the store's id.
    stores: Vec<(u8, RoaringBitmap)>,
}

impl Embeddings {
    /// Documents with at least one embedding.
    fn embedded(&self) -> RoaringBitmap {
        self.stores.iter().fold(RoaringBitmap::new(), |all, (_, documents)| all | documents)
    }
}
