//! Documents → hits, the members in the order of search.md 17.1.

use meilisearch_types::error::ResponseError;
use milli::document::{GEO_FIELD, GeoPoint};
use milli::search::highlight::HitFormatter;
use milli::search::scores::{details_to_json, global_score};
use milli::search::sort::first_place;
use milli::text::Tokenizer;
use serde_json::{Map, Value, json};

use super::in_index;
use super::index_run::IndexRun;
use super::merge::RankedHit;

/// A hit as an answer shows it.
pub(crate) type Hit = Map<String, Value>;

const VECTORS: &str = "_vectors";

/// Shows the hits of one index.
pub(super) struct HitMaker<'r, 'i> {
    run: &'r IndexRun<'i>,
    /// One a query of the run.
    formatters: Vec<HitFormatter<'r>>,
    shows_vectors: bool,
}

impl<'r, 'i> HitMaker<'r, 'i> {
    pub(super) fn new(run: &'r IndexRun<'i>, tokenizer: &'r Tokenizer<'r>) -> Self {
        let formatter = |(query, terms): (&'r super::index_run::PreparedQuery, _)| {
            HitFormatter::new(&run.schema, &run.fields, &query.query.format, terms, tokenizer)
        };
        Self {
            run,
            formatters: run.queries.iter().zip(&run.terms).map(formatter).collect(),
            shows_vectors: run
                .schema
                .displayed
                .as_ref()
                .is_none_or(|names| names.iter().any(|name| name == VECTORS)),
        }
    }

    /// Shows one hit; `federation` is its member `_federation`.
    ///
    /// # Errors
    /// The document or its vectors cannot be read.
    pub(super) fn make(
        &self,
        ranked: &RankedHit,
        federation: Option<Value>,
    ) -> Result<Hit, ResponseError> {
        let place = self.run.queries.iter().position(|query| query.position == ranked.position);
        let Some((prepared, formatter)) =
            place.and_then(|at| self.run.queries.get(at).zip(self.formatters.get(at)))
        else {
            return Ok(Hit::new());
        };
        let query = &prepared.query;
        let mut document = self.run.document(ranked.docid)?;
        let vectors = document.shift_remove(VECTORS);
        let formatted = formatter.format(&document);
        let mut hit = formatted.document;
        if query.retrieve_vectors && self.shows_vectors {
            let run = self.run;
            let vectors = milli::vector::vectors_of(run.index, &run.rtxn, ranked.docid, vectors)
                .map_err(|error| in_index(run.uid, error))?;
            hit.insert(VECTORS.to_owned(), Value::Object(vectors));
        }
        if let Some(place) = first_place(query.sort.as_deref().unwrap_or_default())
            && let Some(point) = hit.get(GEO_FIELD).and_then(GeoPoint::of_value)
        {
            hit.insert("_geoDistance".to_owned(), json!(place.distance_to(point).round() as u64));
        }
        if let Some(federation) = federation {
            hit.insert("_federation".to_owned(), federation);
        }
        if let Some(formatted) = formatted.formatted {
            hit.insert("_formatted".to_owned(), Value::Object(formatted));
        }
        if let Some(positions) = formatted.matches_position {
            hit.insert("_matchesPosition".to_owned(), json!(positions));
        }
        if query.show_ranking_score {
            hit.insert("_rankingScore".to_owned(), json!(global_score(&ranked.scores)));
        }
        if query.show_ranking_score_details {
            let details = details_to_json(&ranked.scores, &self.run.schema);
            hit.insert("_rankingScoreDetails".to_owned(), Value::Object(details));
        }
        Ok(hit)
    }
}
