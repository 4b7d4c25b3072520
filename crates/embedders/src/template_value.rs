//! JSON as templates see it. Objects keep the order of their members: Liquid's own have none, so the text of
//! one would be another each time, and be embedded again.

use std::fmt;

use indexmap::IndexMap;
use liquid::ValueView;
use liquid::model::{
    _ObjectView as ObjectView, ArrayView, DisplayCow, KString, KStringCow, ObjectRender,
    ObjectSource, ScalarCow, State, Value,
};
use serde_json::Value as Json;

/// A value.
#[derive(Debug)]
pub(crate) enum TemplateValue {
    /// A string, a number, a boolean or null.
    Leaf(Value),
    /// An array.
    Array(Vec<TemplateValue>),
    /// An object.
    Object(TemplateObject),
}

/// An object.
#[derive(Debug, Default)]
pub(crate) struct TemplateObject(IndexMap<KString, TemplateValue>);

impl TemplateObject {
    /// Adds a member; one of that name is replaced.
    pub(crate) fn insert(&mut self, name: &str, value: TemplateValue) {
        self.0.insert(KString::from_ref(name), value);
    }

    /// The members in their order.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&KString, &TemplateValue)> {
        self.0.iter()
    }
}

impl From<&Json> for TemplateValue {
    /// Integers beyond 64 signed bits become floats.
    fn from(json: &Json) -> TemplateValue {
        match json {
            Json::Null => TemplateValue::Leaf(Value::Nil),
            Json::Bool(value) => TemplateValue::Leaf(Value::scalar(*value)),
            Json::Number(number) => TemplateValue::Leaf(match number.as_i64() {
                Some(integer) => Value::scalar(integer),
                None => Value::scalar(number.as_f64().unwrap_or_default()),
            }),
            Json::String(text) => TemplateValue::Leaf(Value::scalar(KString::from_ref(text))),
            Json::Array(items) => TemplateValue::Array(items.iter().map(Self::from).collect()),
            Json::Object(members) => {
                let member =
                    |(name, value): (&String, &Json)| (KString::from_ref(name), value.into());
                TemplateValue::Object(TemplateObject(members.iter().map(member).collect()))
            }
        }
    }
}

impl TemplateValue {
    fn view(&self) -> &dyn ValueView {
        match self {
            TemplateValue::Leaf(value) => value,
            TemplateValue::Array(items) => items,
            TemplateValue::Object(object) => object,
        }
    }
}

impl ValueView for TemplateValue {
    fn as_debug(&self) -> &dyn fmt::Debug {
        self
    }

    fn render(&self) -> DisplayCow<'_> {
        self.view().render()
    }

    fn source(&self) -> DisplayCow<'_> {
        self.view().source()
    }

    fn type_name(&self) -> &'static str {
        self.view().type_name()
    }

    fn query_state(&self, state: State) -> bool {
        self.view().query_state(state)
    }

    fn to_kstr(&self) -> KStringCow<'_> {
        self.view().to_kstr()
    }

    fn to_value(&self) -> Value {
        self.view().to_value()
    }

    fn as_scalar(&self) -> Option<ScalarCow<'_>> {
        self.view().as_scalar()
    }

    fn as_array(&self) -> Option<&dyn ArrayView> {
        self.view().as_array()
    }

    fn as_object(&self) -> Option<&dyn ObjectView> {
        self.view().as_object()
    }

    fn is_nil(&self) -> bool {
        self.view().is_nil()
    }
}

impl ValueView for TemplateObject {
    fn as_debug(&self) -> &dyn fmt::Debug {
        self
    }

    fn render(&self) -> DisplayCow<'_> {
        DisplayCow::Owned(Box::new(ObjectRender::new(self)))
    }

    fn source(&self) -> DisplayCow<'_> {
        DisplayCow::Owned(Box::new(ObjectSource::new(self)))
    }

    fn type_name(&self) -> &'static str {
        "object"
    }

    fn query_state(&self, state: State) -> bool {
        match state {
            State::Truthy => true,
            State::DefaultValue | State::Empty | State::Blank => self.0.is_empty(),
        }
    }

    fn to_kstr(&self) -> KStringCow<'_> {
        KStringCow::from_string(ObjectRender::new(self).to_string())
    }

    fn to_value(&self) -> Value {
        Value::Object(
            self.members().map(|(name, value)| (name.clone(), value.to_value())).collect(),
        )
    }

    fn as_object(&self) -> Option<&dyn ObjectView> {
        Some(self)
    }
}

impl ObjectView for TemplateObject {
    fn as_value(&self) -> &dyn ValueView {
        self
    }

    fn size(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX)
    }

    fn keys<'k>(&'k self) -> Box<dyn Iterator<Item = KStringCow<'k>> + 'k> {
        Box::new(self.0.keys().map(|name| name.as_ref().into()))
    }

    fn values<'k>(&'k self) -> Box<dyn Iterator<Item = &'k dyn ValueView> + 'k> {
        Box::new(self.0.values().map(|value| value as &dyn ValueView))
    }

    fn iter<'k>(&'k self) -> Box<dyn Iterator<Item = (KStringCow<'k>, &'k dyn ValueView)> + 'k> {
        let member = |(name, value): (&'k KString, &'k TemplateValue)| {
            (name.as_ref().into(), value as &dyn ValueView)
        };
        Box::new(self.members().map(member))
    }

    fn contains_key(&self, index: &str) -> bool {
        self.0.contains_key(index)
    }

    fn get<'s>(&'s self, index: &str) -> Option<&'s dyn ValueView> {
        self.0.get(index).map(|value| value as &dyn ValueView)
    }
}
