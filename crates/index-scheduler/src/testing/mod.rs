//! What the tests of this crate share: named fault points, and in test builds a scheduler on a
//! temporary directory that is stepped by hand, and a queue that checks and prints itself.

mod faults;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod invariants;

pub(crate) use faults::{Fault, Faults};
#[cfg(test)]
pub(crate) use harness::*;
