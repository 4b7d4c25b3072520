//! The three states of a setting in a request: not mentioned, reset, set.

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A setting, or a member of one, in a request for change. In JSON: absent, `null`, or a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// Not mentioned: leave it as it is.
    #[default]
    NotSet,
    /// Back to the default.
    Reset,
    /// The new value.
    Set(T),
}

impl<T> Setting<T> {
    /// Whether the setting is not mentioned; such a member is not written at all.
    pub fn is_not_set(&self) -> bool {
        matches!(self, Setting::NotSet)
    }

    /// The new value, if one is set.
    pub fn set(self) -> Option<T> {
        match self {
            Setting::Set(value) => Some(value),
            Setting::NotSet | Setting::Reset => None,
        }
    }

    /// The same state with a borrowed value.
    pub fn as_ref(&self) -> Setting<&T> {
        match self {
            Setting::NotSet => Setting::NotSet,
            Setting::Reset => Setting::Reset,
            Setting::Set(value) => Setting::Set(value),
        }
    }

    /// The same state with the value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Setting::NotSet => Setting::NotSet,
            Setting::Reset => Setting::Reset,
            Setting::Set(value) => Setting::Set(change(value)),
        }
    }

    /// Changes a value as asked.
    pub fn apply_to(self, value: &mut Option<T>) {
        match self {
            Setting::NotSet => (),
            Setting::Reset => *value = None,
            Setting::Set(new) => *value = Some(new),
        }
    }

    /// Puts a later request on top: it wins when it mentions the setting.
    pub fn overwrite_with(&mut self, later: Setting<T>) {
        if !later.is_not_set() {
            *self = later;
        }
    }
}

/// An object setting whose members merge one by one.
pub(crate) trait MergeMembers: Sized {
    /// All members reset: what resetting the whole object means.
    fn reset() -> Self;
    /// Puts the members of a later request on top.
    fn merge(&mut self, later: Self);
}

impl<T> Setting<T> {
    /// Puts a later request on top, member by member.
    pub(crate) fn merge_members(&mut self, later: Setting<T>)
    where
        T: MergeMembers,
    {
        match (self, later) {
            (Setting::Set(earlier), Setting::Set(later)) => earlier.merge(later),
            (earlier @ Setting::Reset, Setting::Set(later)) => {
                let mut members = T::reset();
                members.merge(later);
                *earlier = Setting::Set(members);
            }
            (earlier, later) => earlier.overwrite_with(later),
        }
    }
}

impl<T> From<Option<T>> for Setting<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Setting::Reset, Setting::Set)
    }
}

impl<T: Serialize> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().set().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

impl<T: Deserr<E>, E: DeserializeError> Deserr<E> for Setting<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        Option::deserialize_from_value(value, location).map(Self::from)
    }
}
