//! A seeded mix of queries made from the documents themselves: what people type, mistakes included.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::data::{Data, Document, parse_lines, text_of};
use crate::error::{Error, Result};

/// Hits of every query.
const LIMIT: u64 = 20;

/// Makes a query file.
#[derive(clap::Args)]
pub(crate) struct QueriesArgs {
    /// Documents, one JSON object a line; `.gz` is unpacked.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where the queries go; standard output when it is not given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    mix: Mix,
}

/// Which queries, and how many.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Mix {
    /// Queries of the mix.
    #[arg(long, default_value_t = 400)]
    count: usize,
    /// The same seed, count and data give the same queries.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Prints the mix.
pub(crate) fn run(arguments: &QueriesArgs) -> Result<()> {
    let data = Data::load(&arguments.data)?;
    let mut text = String::new();
    for query in generate(&data, arguments.mix)? {
        text.push_str(&format!("{query}\n"));
    }
    match &arguments.output {
        Some(file) => std::fs::write(file, text).map_err(Error::io(file)),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// Reads a query file.
pub(crate) fn load(path: &Path) -> Result<Vec<Value>> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let queries: Vec<Value> = parse_lines(&bytes, path)?.into_iter().map(Value::Object).collect();
    if queries.is_empty() {
        return Err(Error::Unfit(format!("{}: no queries", path.display())));
    }
    Ok(queries)
}

/// What a query looks for, one after the other so that every mix has the same shares.
const KINDS: [Kind; 10] = [
    Kind::Word,
    Kind::Words,
    Kind::Prefix,
    Kind::Typo,
    Kind::Words,
    Kind::Filter,
    Kind::Phrase,
    Kind::Prefix,
    Kind::Facets,
    Kind::Sort,
];

#[derive(Clone, Copy)]
enum Kind {
    Word,
    Words,
    Prefix,
    Typo,
    Phrase,
    Filter,
    Facets,
    Sort,
}

/// Makes the mix.
pub(crate) fn generate(data: &Data, mix: Mix) -> Result<Vec<Value>> {
    let fields = &data.fields;
    let with_words: Vec<(&Document, Vec<String>)> = data
        .documents
        .iter()
        .map(|document| (document, words(document, &fields.texts)))
        .filter(|(_, words)| !words.is_empty())
        .collect();
    let mut random = StdRng::seed_from_u64(mix.seed);
    let mut queries = Vec::with_capacity(mix.count);
    for kind in KINDS.iter().cycle().take(mix.count) {
        let (document, words) = with_words
            .choose(&mut random)
            .ok_or_else(|| Error::Unfit("no document has words to search for".into()))?;
        let word = words.choose(&mut random).map(String::as_str).unwrap_or_default();
        let mut query = json!({"limit": LIMIT});
        query["q"] = match kind {
            Kind::Word => word.into(),
            Kind::Prefix => prefix(word, &mut random).into(),
            Kind::Typo => with_typo(word, &mut random).into(),
            Kind::Phrase => format!("\"{}\"", run_of(words, 2, &mut random)).into(),
            Kind::Words => run_of(words, random.random_range(2..=4), &mut random).into(),
            Kind::Filter | Kind::Facets | Kind::Sort => word.into(),
        };
        match kind {
            Kind::Filter => {
                if let Some(filter) = filter(document, data, &mut random) {
                    query["filter"] = filter.into();
                }
            }
            Kind::Facets if !fields.facets.is_empty() => query["facets"] = json!(fields.facets),
            Kind::Sort => {
                if let Some(field) = fields.numbers.choose(&mut random) {
                    let order = if random.random_bool(0.5) { "asc" } else { "desc" };
                    query["sort"] = json!([format!("{field}:{order}")]);
                }
            }
            _ => {}
        }
        queries.push(query);
    }
    Ok(queries)
}

/// Words of the first text fields, in order, without punctuation.
fn words(document: &Document, texts: &[String]) -> Vec<String> {
    texts
        .iter()
        .take(2)
        .filter_map(|field| text_of(document, field))
        .flat_map(|text| {
            text.split(|letter: char| !letter.is_alphanumeric())
                .filter(|word| word.chars().count() > 1)
                .take(30)
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// So many words that follow one another.
fn run_of(words: &[String], count: usize, random: &mut StdRng) -> String {
    let count = count.min(words.len());
    let start = random.random_range(0..=words.len() - count);
    words[start..start + count].join(" ")
}

/// The beginning of a word, at least one letter.
fn prefix(word: &str, random: &mut StdRng) -> String {
    let letters = word.chars().count();
    word.chars().take(random.random_range(1..=letters.max(2) - 1)).collect()
}

/// The word with two neighbours swapped, or a letter left out, doubled or replaced.
fn with_typo(word: &str, random: &mut StdRng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    // The first letter is seldom the wrong one, and costs more.
    let at = random.random_range(1..letters.len().max(2)).min(letters.len() - 1);
    match random.random_range(0..4) {
        0 if at + 1 < letters.len() => letters.swap(at, at + 1),
        1 if letters.len() > 2 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => letters[at] = if letters[at] == 'e' { 'a' } else { 'e' },
    }
    letters.into_iter().collect()
}

/// A filter that the document passes: a facet value, a range of numbers, or both.
fn filter(document: &Document, data: &Data, random: &mut StdRng) -> Option<String> {
    let facet = data.fields.facets.choose(random).and_then(|field| {
        let value = match document.get(field)? {
            Value::Array(values) => values.choose(random)?,
            value => value,
        };
        // Quotes and backslashes inside quotes are escaped by a backslash.
        let value = value.as_str()?.replace('\\', "\\\\").replace('"', "\\\"");
        Some(format!("{field} = \"{value}\""))
    });
    let number = data.fields.numbers.choose(random).and_then(|field| {
        let value = document.get(field)?.as_f64()?;
        let operator = if random.random_bool(0.5) { ">=" } else { "<=" };
        Some(format!("{field} {operator} {value}"))
    });
    match (facet, number) {
        (Some(facet), Some(number)) if random.random_bool(0.5) => {
            Some(format!("{facet} AND {number}"))
        }
        (Some(facet), _) if random.random_bool(0.7) => Some(facet),
        (facet, number) => number.or(facet),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::data::tests::film_data;

    const MIX: Mix = Mix { count: 400, seed: 1 };

    #[test]
    fn a_mix_is_repeated_by_its_seed() {
        let data = film_data(200);
        let queries = generate(&data, MIX).unwrap();
        assert_eq!(queries.len(), 400);
        assert_eq!(queries, generate(&data, MIX).unwrap());
        assert_ne!(queries, generate(&data, Mix { seed: 2, ..MIX }).unwrap());
    }

    #[test]
    fn a_mix_has_all_kinds_and_they_are_what_they_say() {
        let data = film_data(200);
        let known: BTreeSet<String> =
            data.documents.iter().flat_map(|film| words(film, &data.fields.texts)).collect();
        let mut counts = [0; 4];
        for (at, query) in generate(&data, MIX).unwrap().iter().enumerate() {
            assert_eq!(query["limit"], 20);
            let text = query["q"].as_str().unwrap();
            assert!(!text.trim().is_empty());
            counts[0] += usize::from(query.get("filter").is_some());
            counts[1] += usize::from(query.get("facets").is_some());
            counts[2] += usize::from(query.get("sort").is_some());
            counts[3] += usize::from(text.starts_with('"') && text.ends_with('"'));
            match KINDS[at % KINDS.len()] {
                Kind::Word | Kind::Filter | Kind::Facets | Kind::Sort => {
                    assert!(known.contains(text), "{text}");
                }
                Kind::Words => assert!(text.split(' ').all(|word| known.contains(word)), "{text}"),
                Kind::Prefix => assert!(known.iter().any(|word| word.starts_with(text)), "{text}"),
                Kind::Typo | Kind::Phrase => {}
            }
        }
        assert_eq!(counts, [40, 40, 40, 40]);
    }

    #[test]
    fn a_typo_changes_a_word_and_keeps_its_first_letter() {
        let mut random = StdRng::seed_from_u64(3);
        for _ in 0..200 {
            let word = with_typo("river", &mut random);
            assert!(
                word != "river" && word.starts_with('r') && (4..=6).contains(&word.len()),
                "{word}"
            );
            assert!(!with_typo("ab", &mut random).is_empty());
        }
    }

    #[test]
    fn filters_hold_for_their_document() {
        let data = film_data(30);
        let mut random = StdRng::seed_from_u64(5);
        for film in &data.documents {
            let filter = filter(film, &data, &mut random).unwrap();
            let genre = film["genres"][0].as_str().unwrap();
            assert!(
                filter.contains(genre) || filter.contains(&film["year"].to_string()),
                "{filter}"
            );
        }
    }
}
