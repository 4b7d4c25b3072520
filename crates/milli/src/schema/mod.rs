//! Settings as the engine uses them, and the roles that they give to fields.

mod fields;
mod patterns;

pub use fields::{FieldId, FieldsIdsMap, FieldsLimitReached};
pub use patterns::{
    PatternMatch, covers, match_name, match_names, match_pattern, match_patterns, pattern_fits,
};
