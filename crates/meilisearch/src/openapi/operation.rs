//! What a route tells of itself beside the types of its handler's arguments, which tell the rest
//! ([`super::arguments`]).

use std::borrow::Cow;

use meilisearch_types::settings::SettingName;
use meilisearch_types::tasks::SummarizedTaskView;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::arguments::{Arguments, Parts};

/// Media type of most bodies.
pub(super) const JSON: &str = "application/json";

/// The description of one method of a resource.
pub struct Operation {
    pub(super) summary: Cow<'static, str>,
    pub(super) description: Vec<Cow<'static, str>>,
    pub(super) arguments: fn(&mut Parts<'_>),
    pub(super) further_arguments: Vec<fn(&mut Parts<'_>)>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    /// Set where the arguments do not tell it.
    pub(super) body: Vec<Content>,
    pub(super) is_body_optional: bool,
    pub(super) answers: Vec<(u16, &'static str, Vec<Content>)>,
    pub(super) is_built: bool,
}

/// A body: its media type and its shape.
pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) shape: Shape,
}

/// The shape of a body.
pub(super) enum Shape {
    /// That of a type.
    Of(fn(&mut SchemaGenerator) -> Schema),
    /// That of a member of the settings.
    Setting(SettingName),
    /// Anything of the media type.
    Any,
}

impl Content {
    fn json<T: JsonSchema>() -> Content {
        Content { media_type: JSON, shape: Shape::Of(|generator| generator.subschema_for::<T>()) }
    }

    fn setting(setting: SettingName) -> Content {
        Content { media_type: JSON, shape: Shape::Setting(setting) }
    }

    fn any(media_type: &'static str) -> Content {
        Content { media_type, shape: Shape::Any }
    }
}

/// Begins the description of a method: what it does, as a short imperative.
pub(crate) fn about(summary: impl Into<Cow<'static, str>>) -> Operation {
    Operation {
        summary: summary.into(),
        description: Vec::new(),
        arguments: |_| {},
        further_arguments: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        is_body_optional: false,
        answers: Vec::new(),
        is_built: true,
    }
}

impl Operation {
    /// The arguments of the handler.
    pub(crate) fn with_arguments<Args: Arguments>(mut self) -> Self {
        self.arguments = Args::describe;
        self
    }

    /// An argument that the handler takes out of the request itself.
    pub(crate) fn also<Args: Arguments>(mut self) -> Self {
        self.further_arguments.push(Args::describe);
        self
    }

    /// A further sentence.
    pub(crate) fn note(mut self, sentence: impl Into<Cow<'static, str>>) -> Self {
        self.description.push(sentence.into());
        self
    }

    /// The route is refused while this experimental feature is off.
    pub(crate) fn needs_feature(self, feature: &str) -> Self {
        self.note(format!("Needs the experimental feature `{feature}`."))
    }

    /// The route answers 501, though its parameters are read.
    pub(crate) fn not_built(mut self) -> Self {
        self.is_built = false;
        self.note("Not built yet: answers 501 `not_implemented`.")
    }

    /// A header that changes the answer.
    pub(crate) fn header(mut self, name: &'static str, description: &'static str) -> Self {
        self.headers.push((name, description));
        self
    }

    /// A body in one of these media types.
    pub(crate) fn takes(mut self, media_types: &[&'static str]) -> Self {
        self.body.extend(media_types.iter().map(|media_type| Content::any(media_type)));
        self
    }

    /// A JSON body that the handler reads itself.
    pub(crate) fn takes_json<T: JsonSchema>(mut self) -> Self {
        self.body.push(Content::json::<T>());
        self
    }

    /// The body may be left out.
    pub(crate) fn optional(mut self) -> Self {
        self.is_body_optional = true;
        self
    }

    /// The value of a setting as the body.
    pub(crate) fn takes_setting(mut self, setting: SettingName) -> Self {
        self.body.push(Content::setting(setting));
        self
    }

    fn answer(mut self, status: u16, meaning: &'static str, content: Vec<Content>) -> Self {
        self.answers.push((status, meaning, content));
        self
    }

    /// An answer in JSON.
    pub(crate) fn answers<T: JsonSchema>(self, status: u16) -> Self {
        self.answer(status, "Done.", vec![Content::json::<T>()])
    }

    /// The value of a setting as the answer.
    pub(crate) fn answers_setting(self, setting: SettingName) -> Self {
        self.answer(200, "The value.", vec![Content::setting(setting)])
    }

    /// The summary of a new task as the answer, with 202.
    pub(crate) fn enqueues(self) -> Self {
        self.enqueues_with(202)
    }

    /// The summary of a new task as the answer.
    pub(crate) fn enqueues_with(self, status: u16) -> Self {
        let content = vec![Content::json::<SummarizedTaskView>()];
        self.answer(status, "The task is registered; `GET /tasks` tells its outcome.", content)
    }

    /// An answer without a body.
    pub(crate) fn answers_nothing(self, status: u16) -> Self {
        self.answer(status, "Done.", Vec::new())
    }

    /// An answer in one of these media types.
    pub(crate) fn sends(self, status: u16, media_types: &[&'static str]) -> Self {
        let content = media_types.iter().map(|media_type| Content::any(media_type)).collect();
        self.answer(status, "Done.", content)
    }
}
