//! The request side of a search: what is asked, before anything is ranked.

pub mod filter;
