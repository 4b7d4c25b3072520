//! The JSON patterns of `rest`: inputs → the JSON of a request, the JSON of an answer → vectors
//! (vectors.md 8).

use std::fmt;

use serde_json::Value;

/// Stands for a text in `request`.
pub const TEXT: &str = "{{text}}";
/// Stands for a fragment in `request`.
pub const FRAGMENT: &str = "{{fragment}}";
/// Stands for a vector in `response`.
pub const EMBEDDING: &str = "{{embedding}}";
/// Second element of an array: its first element is repeated for each input.
const REPEAT: &str = "{{..}}";

/// How many inputs a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// One.
    Single,
    /// Many.
    Repeated,
}

impl Arity {
    /// The most inputs of one request.
    pub fn inputs_per_request(self) -> usize {
        match self {
            Arity::Single => 1,
            Arity::Repeated => 10,
        }
    }
}

/// A pattern, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    json: Value,
    place: Place,
}

/// Where the placeholder is.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Single(Path),
    Repeated {
        /// Where the array is, which is empty in the JSON of the pattern.
        array: Path,
        /// What is repeated.
        item: Value,
        /// Where the placeholder is in it.
        inside: Path,
    },
}

/// The way from the root to a value; shown as `input[0].text`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// JSON that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing says where an input or a vector is.
    #[error("it must contain `{0}`")]
    Missing(&'static str),
    /// It must be clear where an input or a vector is.
    #[error("`{placeholder}` may appear only once, but it is both at `{first}` and at `{second}`")]
    Twice {
        /// The placeholder.
        placeholder: &'static str,
        /// One place.
        first: Path,
        /// Another one.
        second: Path,
    },
    /// `{{..}}` elsewhere than second in an array, or in what is repeated.
    #[error(
        "`{{{{..}}}}` at `{0}` must be the second element of an array that is not repeated itself"
    )]
    MisplacedRepeat(Path),
    /// What is repeated holds no input and no vector.
    #[error(
        "the first element of the array at `{array}` is repeated, so it must contain `{placeholder}`"
    )]
    MissingInRepeated {
        /// The array.
        array: Path,
        /// The placeholder.
        placeholder: &'static str,
    },
}

/// An answer that does not fit its pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractionError {
    /// An object lacks a key.
    #[error("the object at `{path}` lacks the key `{key}`{}", did_you_mean(.similar))]
    MissingKey {
        /// The object.
        path: Path,
        /// The key.
        key: String,
        /// A key that it has.
        similar: Option<String>,
    },
    /// An array is too short.
    #[error("the array at `{path}` has no element {index}, it has {length} elements")]
    MissingIndex {
        /// The array.
        path: Path,
        /// From 0.
        index: usize,
        /// Elements.
        length: usize,
    },
    /// Another type.
    #[error("the value at `{path}` must be {expected}, but it is {found}")]
    WrongType {
        /// The value.
        path: Path,
        /// A type.
        expected: &'static str,
        /// A type.
        found: &'static str,
    },
}

impl Pattern {
    /// Parses a pattern with a placeholder: [`TEXT`], [`FRAGMENT`] or [`EMBEDDING`].
    ///
    /// # Errors
    /// Not exactly one placeholder, or `{{..}}` at a wrong place.
    pub fn parse(json: &Value, placeholder: &'static str) -> Result<Pattern, PatternError> {
        let mut place = None;
        find(json, placeholder, &mut Path::default(), &mut place)?;
        let place = place.ok_or(PatternError::Missing(placeholder))?;
        let mut json = json.clone();
        if let Place::Repeated { array, .. } = &place
            && let Some(array) = array.of(&mut json)
        {
            *array = Value::Array(Vec::new());
        }
        Ok(Pattern { json, place })
    }

    /// How many inputs a request takes.
    pub fn arity(&self) -> Arity {
        match self.place {
            Place::Single(_) => Arity::Single,
            Place::Repeated { .. } => Arity::Repeated,
        }
    }

    /// The JSON with inputs in place of the placeholder: one if it is single.
    pub fn render(&self, inputs: &[Value]) -> Value {
        let put = |json: &Value, path: &Path, input: &Value| {
            let mut json = json.clone();
            if let Some(place) = path.of(&mut json) {
                *place = input.clone();
            }
            json
        };
        match &self.place {
            Place::Single(path) => inputs
                .first()
                .map_or_else(|| self.json.clone(), |input| put(&self.json, path, input)),
            Place::Repeated { array, item, inside } => {
                let items = inputs.iter().map(|input| put(item, inside, input)).collect();
                put(&self.json, array, &items)
            }
        }
    }

    /// The vectors of an answer: one if the pattern is single.
    ///
    /// # Errors
    /// The answer does not have the form of the pattern.
    pub fn extract(&self, answer: &Value) -> Result<Vec<Vec<f32>>, ExtractionError> {
        let mut path = Path::default();
        match &self.place {
            Place::Single(place) => Ok(vec![vector(follow(answer, place, &mut path)?, path)?]),
            Place::Repeated { array, inside, .. } => {
                let items = as_array(follow(answer, array, &mut path)?, &path)?;
                let item = |(index, item): (usize, &Value)| {
                    let mut path = path.clone();
                    path.0.push(Step::Index(index));
                    vector(follow(item, inside, &mut path)?, path)
                };
                items.iter().enumerate().map(item).collect()
            }
        }
    }
}

/// Looks for the placeholder in a value at a path.
fn find(
    value: &Value,
    placeholder: &'static str,
    path: &mut Path,
    found: &mut Option<Place>,
) -> Result<(), PatternError> {
    let mut set = |place: Place| {
        let second = place.path();
        match found {
            Some(first) => Err(PatternError::Twice { placeholder, first: first.path(), second }),
            None => {
                *found = Some(place);
                Ok(())
            }
        }
    };
    match value {
        Value::String(text) if text == placeholder => set(Place::Single(path.clone())),
        Value::String(text) if text == REPEAT => Err(PatternError::MisplacedRepeat(path.clone())),
        Value::Array(items) => match items.as_slice() {
            // What follows in the array is not looked at: it is dropped from requests.
            [item, repeat, ..] if repeat == REPEAT => {
                let mut inner = None;
                path.0.push(Step::Index(0));
                find(item, placeholder, path, &mut inner)?;
                path.0.pop();
                match inner {
                    None => {
                        let array = path.clone();
                        Err(PatternError::MissingInRepeated { array, placeholder })
                    }
                    Some(Place::Single(whole)) => {
                        let inside = Path(whole.0.into_iter().skip(path.0.len() + 1).collect());
                        set(Place::Repeated { array: path.clone(), item: item.clone(), inside })
                    }
                    Some(Place::Repeated { array, .. }) => {
                        Err(PatternError::MisplacedRepeat(array))
                    }
                }
            }
            items => {
                for (index, item) in items.iter().enumerate() {
                    path.0.push(Step::Index(index));
                    find(item, placeholder, path, found)?;
                    path.0.pop();
                }
                Ok(())
            }
        },
        Value::Object(members) => {
            for (key, member) in members {
                path.0.push(Step::Key(key.clone()));
                find(member, placeholder, path, found)?;
                path.0.pop();
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Place {
    /// The path of the placeholder, from the root.
    fn path(&self) -> Path {
        match self {
            Place::Single(path) => path.clone(),
            Place::Repeated { array, inside, .. } => {
                let steps = array.0.iter().chain(std::iter::once(&Step::Index(0))).chain(&inside.0);
                Path(steps.cloned().collect())
            }
        }
    }
}

impl Path {
    /// The value at this path.
    fn of<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the root");
        }
        self.0.iter().enumerate().try_for_each(|(at, step)| match step {
            Step::Key(key) if at == 0 => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

/// The value at a path of an answer; the path walked is added to the given one.
fn follow<'v>(
    answer: &'v Value,
    path: &Path,
    walked: &mut Path,
) -> Result<&'v Value, ExtractionError> {
    path.0.iter().try_fold(answer, |value, step| {
        let next = match step {
            Step::Key(key) => {
                let Value::Object(members) = value else {
                    return Err(wrong_type(value, "an object", walked.clone()));
                };
                members.get(key).ok_or_else(|| ExtractionError::MissingKey {
                    path: walked.clone(),
                    key: key.clone(),
                    similar: members
                        .keys()
                        .find(|other| strsim::levenshtein(key, other) <= 2)
                        .cloned(),
                })?
            }
            Step::Index(index) => {
                let items = as_array(value, walked)?;
                items.get(*index).ok_or_else(|| ExtractionError::MissingIndex {
                    path: walked.clone(),
                    index: *index,
                    length: items.len(),
                })?
            }
        };
        walked.0.push(step.clone());
        Ok(next)
    })
}

fn as_array<'v>(value: &'v Value, path: &Path) -> Result<&'v [Value], ExtractionError> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(wrong_type(other, "an array", path.clone())),
    }
}

fn vector(value: &Value, path: Path) -> Result<Vec<f32>, ExtractionError> {
    let number = |(index, item): (usize, &Value)| {
        // A number beyond those of an f32 would become infinite, with which nothing can be compared.
        item.as_f64().map(|number| number as f32).filter(|number| number.is_finite()).ok_or_else(
            || {
                let mut path = path.clone();
                path.0.push(Step::Index(index));
                wrong_type(item, "a number of 32 bits", path)
            },
        )
    };
    as_array(value, &path)?.iter().enumerate().map(number).collect()
}

fn wrong_type(value: &Value, expected: &'static str, path: Path) -> ExtractionError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    ExtractionError::WrongType { path, expected, found }
}

fn did_you_mean(similar: &Option<String>) -> String {
    similar.as_ref().map_or_else(String::new, |key| format!(", did you mean `{key}`?"))
}
