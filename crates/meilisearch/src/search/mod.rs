//! Wire query ↔ engine query.

pub(crate) mod sort;
