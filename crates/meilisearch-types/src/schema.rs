//! JSON Schemas of what `schemars` cannot derive; the description of the API is made of them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::deserr::{AfterDate, BeforeDate, CommaList, Param, StarOr, StarOrList};
use crate::keys::Action;
use crate::locales::Locale;
use crate::settings::Setting;
use crate::tasks::Kind;

/// Declares types that stand inline for a kind of text: the schema is all that they are.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $($member:literal: $value:literal),*;)*) => {$(
        $(#[$doc])*
        pub enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", $($member: $value),* })
            }
        }
    )*};
}

texts! {
    /// A date as answers write it and requests give it, in RFC 3339 form.
    DateTime, "format": "date-time";
    /// A duration in ISO 8601 form.
    Iso8601, "format": "duration";
}

/// Gives types the schema of others, inline.
macro_rules! as_other {
    ($($name:ident $(<$parameter:ident>)? = $other:ty;)*) => {$(
        impl$(<$parameter: JsonSchema>)? JsonSchema for $name $(<$parameter>)? {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                <$other>::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<$other>()
            }
        }
    )*};
}

as_other! {
    Setting<T> = Option<T>;
    Param<T> = T;
    StarOr<T> = T;
    CommaList<T> = Vec<T>;
    StarOrList<T> = Vec<T>;
    AfterDate = String;
    BeforeDate = String;
}

/// Gives types that are one of some names the schema that lists them.
macro_rules! one_of {
    ($($(#[doc = $doc:literal])* $name:ident, $names:expr;)*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let names: Vec<&str> = $names;
                json_schema!({ "type": "string", "enum": names, "description": concat!($($doc),*).trim() })
            }
        }
    )*};
}

one_of! {
    /// What a task does.
    Kind, Kind::ALL.iter().map(|kind| kind.name()).collect();
    /// What a key allows; `*` and names that end with `.*` stand for several.
    Action, Action::ALL_ACTIONS.iter().map(|action| action.name()).collect();
    /// A language in one of its ISO 639 forms; answers about an index use the longer one.
    Locale, Locale::ALL.iter().map(|locale| locale.as_given()).collect();
}
