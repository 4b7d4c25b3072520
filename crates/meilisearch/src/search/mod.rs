//! Wire query ↔ engine query.
