//! `POST /indexes/{index_uid}/fields`: the fields of an index and what the settings let them do
//! (http-api.md section 14).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::{
    InvalidIndexFieldsFilter, InvalidIndexFieldsFilterAttributePatterns,
    InvalidIndexFieldsFilterDisplayed, InvalidIndexFieldsFilterDistinct,
    InvalidIndexFieldsFilterFilterable, InvalidIndexFieldsFilterRankingRule,
    InvalidIndexFieldsFilterSearchable, InvalidIndexFieldsFilterSortable, InvalidIndexLimit,
    InvalidIndexOffset,
};
use meilisearch_types::settings::FacetValuesSort;
use milli::Schema;
use milli::schema::{Criterion, PatternMatch, covers, match_patterns};
use schemars::JsonSchema;
use serde::Serialize;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, DEFAULT_LIMIT, Page, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("List the fields of an index and what the settings let them do")
        .answers::<Page<FieldView>>(200);
    routes.add(resource("/indexes/{index_uid}/fields").post(fields, about));
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct FieldsBody {
    #[deserr(default, error = DeserrJsonError<InvalidIndexOffset>)]
    #[schemars(default)]
    offset: usize,
    #[deserr(default = DEFAULT_LIMIT, error = DeserrJsonError<InvalidIndexLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    limit: usize,
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilter>)]
    filter: Option<FieldsFilter>,
}

/// What fields must be to be shown; members that are not given ask for nothing.
#[derive(Debug, Default, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidIndexFieldsFilter>, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct FieldsFilter {
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilterAttributePatterns>)]
    attribute_patterns: Option<Vec<String>>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilterDisplayed>)]
    displayed: Option<bool>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilterSearchable>)]
    searchable: Option<bool>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilterSortable>)]
    sortable: Option<bool>,
    /// Only the distinct attribute, or all others.
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilterDistinct>)]
    distinct: Option<bool>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilterRankingRule>)]
    ranking_rule: Option<bool>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexFieldsFilterFilterable>)]
    filterable: Option<bool>,
}

impl FieldsFilter {
    fn accepts(&self, field: &FieldView) -> bool {
        let is_named = self.attribute_patterns.as_ref().is_none_or(|patterns| {
            let patterns = patterns.iter().map(String::as_str);
            match_patterns(patterns, &field.name) == PatternMatch::Match
        });
        let states = [
            (self.displayed, field.displayed.enabled),
            (self.searchable, field.searchable.enabled),
            (self.sortable, field.sortable.enabled),
            (self.distinct, field.distinct.enabled),
            (self.ranking_rule, field.ranking_rule.enabled),
            (self.filterable, field.filterable.enabled),
        ];
        is_named && states.iter().all(|(asked, is)| asked.is_none_or(|asked| asked == *is))
    }
}

/// A field on the wire.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FieldView {
    name: String,
    displayed: Enabled,
    searchable: Enabled,
    sortable: Enabled,
    /// Whether the field is the distinct attribute.
    distinct: Enabled,
    ranking_rule: RankingRuleView,
    filterable: FilterableView,
    /// Languages that the settings give to the field.
    localized: LocalizedView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FieldEnabled")]
struct Enabled {
    /// Whether it is so.
    enabled: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FieldRankingRule")]
struct RankingRuleView {
    /// Whether a ranking rule orders by the field.
    enabled: bool,
    /// `asc` or `desc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FieldFilterable")]
struct FilterableView {
    /// Whether filters may use the field.
    enabled: bool,
    /// Order of the values in answers.
    sort_by: FacetValuesSort,
    /// Whether the values can be searched.
    facet_search: bool,
    /// Whether filters may compare for equality.
    equality: bool,
    /// Whether filters may compare for more and less.
    comparison: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FieldLocalized")]
struct LocalizedView {
    locales: Vec<String>,
}

impl FieldView {
    fn new(name: &str, schema: &Schema) -> Self {
        let matches = |matched| Enabled { enabled: matched == PatternMatch::Match };
        let order = schema.criteria.iter().find_map(|criterion| match criterion {
            Criterion::Asc(field) if covers(field, name) => Some("asc"),
            Criterion::Desc(field) if covers(field, name) => Some("desc"),
            _ => None,
        });
        let features = schema.filterable_features(name);
        let locales = schema.locales(name).unwrap_or_default();
        FieldView {
            name: name.to_owned(),
            displayed: matches(schema.match_displayed(name)),
            searchable: matches(schema.match_searchable(name)),
            sortable: matches(schema.match_sortable(name)),
            distinct: matches(schema.match_distinct(name)),
            ranking_rule: RankingRuleView { enabled: order.is_some(), order },
            filterable: FilterableView {
                enabled: features.is_filterable(),
                sort_by: schema.facet_order(name),
                facet_search: features.facet_search,
                equality: features.filter.equality,
                comparison: features.filter.comparison,
            },
            localized: LocalizedView {
                locales: locales.iter().map(|language| capitalised(language.code())).collect(),
            },
        }
    }
}

/// A code such as `jpn` as this route writes it: `Jpn`.
fn capitalised(code: &str) -> String {
    let mut letters = code.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The format of the uid is not checked: one that cannot be is not found either.
async fn fields(
    _auth: Guarded<actions::FieldsPost>,
    uid: Path<String>,
    body: Json<FieldsBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let FieldsBody { offset, limit, filter } = body.into_inner();
    let filter = filter.unwrap_or_default();
    let page = blocking(move || {
        let index = scheduler.index(&uid)?;
        let rtxn = index.read_txn()?;
        let schema = Schema::load(&index, &rtxn)?;
        let names = index.fields_ids_map(&rtxn)?;
        let mut fields: Vec<_> =
            names.iter_by_name().map(|(name, _)| FieldView::new(name, &schema)).collect();
        fields.retain(|field| filter.accepts(field));
        let total = fields.len();
        let results = fields.into_iter().skip(offset).take(limit).collect();
        Ok(Page { results, offset, limit, total })
    });
    Ok(HttpResponse::Ok().json(page.await?))
}
