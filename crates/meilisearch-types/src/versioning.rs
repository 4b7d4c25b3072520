//! The version that this program stands for, which decides what data it may open
//! (storage-instance.md 3).

/// Major, minor, patch.
pub type Version = (u32, u32, u32);

/// The version of the database format and of the API.
pub const VERSION: Version = (1, 50, 0);

/// [`VERSION`] as text.
pub const VERSION_STR: &str = "1.50.0";
