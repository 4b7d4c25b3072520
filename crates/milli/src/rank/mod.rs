//! Ranking: the rules that cut the matching documents into ever finer buckets (search.md 6 to 12.1).
//!
//! | File | What |
//! |---|---|
//! | `rule.rs` | the contract of a rule: universe and query in, buckets out |
//! | `list.rs` | settings and `sort` parameter → the rules of a search |
//! | `bucket_sort.rs` | runs the rules one inside the other |
//! | `score.rs` | what a rule says of a bucket, and the global score |
//! | `graph_rule/` | the engine of the rules that cost paths of the query graph |
//! | `words.rs`, `typo.rs`, `proximity.rs`, `attribute_rank.rs`, `word_position.rs`, `exact_words.rs` | those rules |
//! | `exact_attribute.rs`, `sort.rs`, `geo_sort.rs`, `vector_sort.rs` | rules of their own |
//!
//! To add a rule that ranks readings of the query, implement `graph_rule::Ranking` in a file of its own
//! (what a step costs, which documents meet it, what it leaves of its term); for any other rule,
//! implement `rule::RankingRule`. Then give it a `ScoreDetail` (with its rank, and its JSON in
//! `search/scores.rs`) and a `list::RuleKind`.

mod attribute_rank;
pub(crate) mod bucket_sort;
mod exact_attribute;
mod exact_words;
mod geo_sort;
mod graph_rule;
pub(crate) mod list;
mod proximity;
mod rule;
pub(crate) mod score;
pub(crate) mod sort;
mod typo;
pub(crate) mod vector_sort;
mod word_position;
mod words;
