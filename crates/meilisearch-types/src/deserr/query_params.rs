//! Values of query strings, which all arrive as text (http-api.md 3 and 12).

use std::str::FromStr;

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, Value, ValueKind,
    ValuePointerRef, take_cf_content,
};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// A parameter that is parsed from its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Param<T>(pub T);

/// A parameter, or `*`, which restricts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StarOr<T> {
    /// `*`.
    Star,
    /// The restriction.
    Other(T),
}

impl<T> StarOr<T> {
    /// The restriction, if there is one.
    pub fn other(self) -> Option<T> {
        match self {
            StarOr::Star => None,
            StarOr::Other(value) => Some(value),
        }
    }
}

/// Items separated by commas; empty items are skipped, none is trimmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommaList<T>(pub Vec<T>);

/// Items separated by commas; `*` anywhere among them restricts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StarOrList<T> {
    /// `*`.
    Star,
    /// The items; none at all match nothing.
    List(Vec<T>),
}

impl<T> StarOrList<T> {
    /// The items, if they restrict anything.
    pub fn list(self) -> Option<Vec<T>> {
        match self {
            StarOrList::Star => None,
            StarOrList::List(items) => Some(items),
        }
    }
}

fn text<V: IntoValue, E: DeserializeError>(
    value: Value<V>,
    location: ValuePointerRef<'_>,
) -> Result<String, E> {
    match value {
        Value::String(text) => Ok(text),
        actual => Err(take_cf_content(E::error(
            None,
            ErrorKind::IncorrectValueKind { actual, accepted: &[ValueKind::String] },
            location,
        ))),
    }
}

fn parse<T: FromStr, E: MergeWithError<T::Err>>(
    text: &str,
    location: ValuePointerRef<'_>,
) -> Result<T, E> {
    text.parse().map_err(|error| take_cf_content(E::merge(None, error, location)))
}

/// Parses each item; its index is part of the location when there are several.
fn parse_list<T: FromStr, E: MergeWithError<T::Err>>(
    text: &str,
    location: ValuePointerRef<'_>,
) -> Result<Vec<T>, E> {
    let items: Vec<&str> = text.split(',').filter(|item| !item.is_empty()).collect();
    let one = items.len() == 1;
    let parse_item = |(index, item)| match one {
        true => parse(item, location),
        false => parse(item, location.push_index(index)),
    };
    items.iter().copied().enumerate().map(parse_item).collect()
}

impl<T: FromStr, E: DeserializeError + MergeWithError<T::Err>> Deserr<E> for Param<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        parse(&text::<V, E>(value, location)?, location).map(Param)
    }
}

impl<T: FromStr, E: DeserializeError + MergeWithError<T::Err>> Deserr<E> for StarOr<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        match text::<V, E>(value, location)?.as_str() {
            "*" => Ok(StarOr::Star),
            other => parse(other, location).map(StarOr::Other),
        }
    }
}

impl<T: FromStr, E: DeserializeError + MergeWithError<T::Err>> Deserr<E> for CommaList<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        parse_list(&text::<V, E>(value, location)?, location).map(CommaList)
    }
}

impl<T: FromStr> FromStr for StarOr<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "*" => Ok(StarOr::Star),
            other => other.parse().map(StarOr::Other),
        }
    }
}

impl<T: FromStr, E: DeserializeError + MergeWithError<T::Err>> Deserr<E> for StarOrList<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let items: Vec<StarOr<T>> = parse_list(&text::<V, E>(value, location)?, location)?;
        let items: Option<Vec<T>> = items.into_iter().map(StarOr::other).collect();
        Ok(items.map_or(StarOrList::Star, StarOrList::List))
    }
}

/// An exclusive lower bound of dates: a bare day stands for the midnight that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterDate(pub OffsetDateTime);

/// An exclusive upper bound of dates: a bare day stands for the midnight that begins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeforeDate(pub OffsetDateTime);

/// A text that is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a date: write it as `YYYY-MM-DD` or in the RFC 3339 form `YYYY-MM-DDThh:mm:ssZ`."
)]
pub struct DateFormatError(String);

enum DateOrDay {
    Date(OffsetDateTime),
    Day(Date),
}

fn date_or_day(text: &str) -> Result<DateOrDay, DateFormatError> {
    if let Ok(date) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(DateOrDay::Date(date));
    }
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map(DateOrDay::Day)
        .map_err(|_| DateFormatError(text.to_owned()))
}

impl FromStr for AfterDate {
    type Err = DateFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(AfterDate(match date_or_day(text)? {
            DateOrDay::Date(date) => date,
            DateOrDay::Day(day) => {
                let next = day.next_day().ok_or_else(|| DateFormatError(text.to_owned()))?;
                next.midnight().assume_utc()
            }
        }))
    }
}

impl FromStr for BeforeDate {
    type Err = DateFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(BeforeDate(match date_or_day(text)? {
            DateOrDay::Date(date) => date,
            DateOrDay::Day(day) => day.midnight().assume_utc(),
        }))
    }
}
