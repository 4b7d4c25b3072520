//! The data file: its documents, and what their fields are good for.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A document.
pub(crate) type Document = Map<String, Value>;

/// A data file in memory.
pub(crate) struct Data {
    /// The unpacked file, as it is sent.
    pub(crate) bytes: Vec<u8>,
    /// Its documents, in order.
    pub(crate) documents: Vec<Document>,
    /// What the fields are good for.
    pub(crate) fields: Fields,
}

/// Fields by use, the best of each use first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields {
    /// The primary key.
    pub(crate) primary_key: String,
    /// Fields of words, those of several words first.
    pub(crate) texts: Vec<String>,
    /// Fields whose few values many documents share.
    pub(crate) facets: Vec<String>,
    /// Fields of numbers.
    pub(crate) numbers: Vec<String>,
}

impl Fields {
    /// The fields that filters of the queries use.
    pub(crate) fn filterable(&self) -> Vec<&str> {
        self.facets.iter().chain(&self.numbers).map(String::as_str).collect()
    }
}

impl Data {
    /// Reads and unpacks a data file.
    pub(crate) fn load(path: &Path) -> Result<Data> {
        let file = File::open(path).map_err(Error::io(path))?;
        let mut bytes = Vec::new();
        let mut source = BufReader::new(file);
        match path.extension() {
            Some(extension) if extension == "gz" => {
                MultiGzDecoder::new(source).read_to_end(&mut bytes)
            }
            _ => source.read_to_end(&mut bytes),
        }
        .map_err(Error::io(path))?;
        Data::parse(bytes, path)
    }

    fn parse(bytes: Vec<u8>, path: &Path) -> Result<Data> {
        let documents = parse_lines(&bytes, path)?;
        let fields = Fields::of(&documents)?;
        Ok(Data { bytes, documents, fields })
    }
}

/// The JSON objects of a file of lines; empty lines are skipped.
pub(crate) fn parse_lines(bytes: &[u8], path: &Path) -> Result<Vec<Document>> {
    let is_filled = |(_, line): &(usize, &[u8])| !line.trim_ascii().is_empty();
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(is_filled)
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| Error::Line {
                path: path.to_path_buf(),
                line: at + 1,
                reason: error.to_string(),
            })
        })
        .collect()
}

/// What was seen of one field.
#[derive(Default)]
struct Profile<'d> {
    strings: usize,
    words: usize,
    numbers: usize,
    values: HashSet<&'d str>,
    is_list: bool,
}

/// A field with more values than this is no facet.
const MAX_FACET_VALUES: usize = 2000;
/// A field with fewer words a value may be an address or a code.
const MIN_TEXT_WORDS: usize = 2;

impl Fields {
    fn of(documents: &[Document]) -> Result<Fields> {
        let first =
            documents.first().ok_or_else(|| Error::Unfit("the data file is empty".into()))?;
        let is_key = |name: &&String| name.to_ascii_lowercase().ends_with("id");
        let primary_key = first.keys().find(is_key).ok_or_else(|| {
            Error::Unfit("no field of the first document ends with `id`: no primary key".into())
        })?;
        let mut profiles = BTreeMap::<&str, Profile<'_>>::new();
        for document in documents {
            for (name, value) in document.iter().filter(|(name, _)| *name != primary_key) {
                profiles.entry(name).or_default().see(value);
            }
        }
        let mut fields = Fields { primary_key: primary_key.clone(), ..Fields::default() };
        let mut texts: Vec<(bool, usize, &str)> = Vec::new();
        let mut facets: Vec<(usize, &str)> = Vec::new();
        for (name, profile) in profiles {
            if profile.numbers > documents.len() / 2 {
                fields.numbers.push(name.to_owned());
            } else if profile.strings > 0
                && profile.values.len() <= MAX_FACET_VALUES.min(profile.strings / 2)
            {
                facets.push((profile.values.len(), name));
            } else if profile.strings > 0 && !profile.is_list {
                let is_short = profile.words < MIN_TEXT_WORDS * profile.strings;
                texts.push((is_short, profile.words, name));
            }
        }
        facets.sort_unstable();
        texts.sort_unstable();
        fields.facets = facets.into_iter().map(|(_, name)| name.to_owned()).collect();
        // The shortest of several words is most like a title; single words may be addresses or codes.
        fields.texts = texts.into_iter().map(|(_, _, name)| name.to_owned()).collect();
        if fields.texts.is_empty() {
            return Err(Error::Unfit("no field of the data file holds text to search for".into()));
        }
        Ok(fields)
    }
}

impl<'d> Profile<'d> {
    fn see(&mut self, value: &'d Value) {
        match value {
            Value::String(text) => {
                self.strings += 1;
                self.words += text.split_whitespace().count();
                if self.values.len() <= MAX_FACET_VALUES {
                    self.values.insert(text);
                }
            }
            Value::Number(_) => self.numbers += 1,
            Value::Array(values) => {
                self.is_list = true;
                values.iter().for_each(|value| self.see(value));
            }
            _ => {}
        }
    }
}

/// The text of a field, lists joined.
pub(crate) fn text_of(document: &Document, field: &str) -> Option<String> {
    match document.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            (!texts.is_empty()).then(|| texts.join(" "))
        }
        _ => None,
    }
}

/// As many documents as asked for, spread evenly over the file.
pub(crate) fn spread(documents: &[Document], count: usize) -> impl Iterator<Item = &Document> {
    documents.iter().step_by((documents.len() / count.max(1)).max(1)).take(count)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    /// Documents like films: a title, a year, genres, a cast.
    pub(crate) fn films(count: usize) -> Vec<u8> {
        const WORDS: [&str; 7] =
            ["silent", "river", "night", "golden", "train", "winter", "garden"];
        const GENRES: [&str; 3] = ["Drama", "Comedy", "Western"];
        let mut bytes = Vec::new();
        for id in 0..count {
            let word = |at: usize| WORDS[(id * 3 + at * 5 + id / 7) % WORDS.len()];
            let film = json!({
                "id": id,
                "title": format!("The {} {} of {} {id}x", word(0), word(1), word(2)),
                "year": 1950 + id % 60,
                "genres": [GENRES[id % GENRES.len()]],
                "cast": [format!("Actor{id} Name"), format!("Actress{id} Name")],
            });
            bytes.extend(film.to_string().bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    pub(crate) fn film_data(count: usize) -> Data {
        Data::parse(films(count), Path::new("films")).unwrap()
    }

    #[test]
    fn fields_are_told_apart() {
        let fields = film_data(100).fields;
        assert_eq!(fields.primary_key, "id");
        assert_eq!(fields.texts, ["title"]);
        assert_eq!(fields.numbers, ["year"]);
        assert_eq!(fields.facets, ["genres"]);
        assert_eq!(fields.filterable(), ["genres", "year"]);
    }

    #[test]
    fn packed_files_are_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("films.ndjson.gz");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&films(10)).unwrap();
        std::fs::write(&path, gzip.finish().unwrap()).unwrap();
        let data = Data::load(&path).unwrap();
        assert_eq!(data.bytes, films(10));
        assert_eq!(data.documents.len(), 10);
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = parse_lines(b"{}\n\n{\"a\":1}\n[]\n", Path::new("x")).unwrap_err().to_string();
        assert!(error.starts_with("x, line 4: "), "{error}");
        assert!(Data::parse(Vec::new(), Path::new("x")).is_err());
    }

    #[test]
    fn a_sample_is_spread_over_the_file() {
        let data = film_data(100);
        let ids: Vec<_> =
            spread(&data.documents, 4).map(|film| film["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, [0, 25, 50, 75]);
        assert_eq!(spread(&data.documents, 1000).count(), 100);
    }
}
