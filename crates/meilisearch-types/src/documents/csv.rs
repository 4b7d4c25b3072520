//! CSV payloads: a header of names with optional types, then rows.

use std::io::{self, Write};

use ::csv::{ReaderBuilder, StringRecord};
use serde_json::Number;

use super::{DocumentFormat, DocumentPayloadError};

/// The type of a column, from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnType {
    Text,
    Number,
    Boolean,
}

/// A value of a document.
enum Cell<'a> {
    Null,
    Text(&'a str),
    Number(Number),
    Boolean(bool),
}

/// A member of the documents: its key as JSON, and the column that its value comes from.
struct Member {
    key: String,
    column: usize,
}

/// Splits `name:type` at its last colon; a header without a known type is text.
fn parse_header(header: &str) -> (&str, ColumnType) {
    match header.rsplit_once(':') {
        Some((name, "string")) => (name, ColumnType::Text),
        Some((name, "number")) => (name, ColumnType::Number),
        Some((name, "boolean")) => (name, ColumnType::Boolean),
        _ => (header, ColumnType::Text),
    }
}

/// Reads a cell; none if it is not of the type.
fn parse_cell(text: &str, column_type: ColumnType) -> Option<Cell<'_>> {
    if column_type == ColumnType::Text {
        return Some(if text.is_empty() { Cell::Null } else { Cell::Text(text) });
    }
    let text = text.trim();
    Some(match (column_type, text) {
        (_, "") => Cell::Null,
        (ColumnType::Boolean, "true") => Cell::Boolean(true),
        (ColumnType::Boolean, "false") => Cell::Boolean(false),
        (ColumnType::Boolean, _) => return None,
        _ => match text.parse::<i64>() {
            Ok(integer) => Cell::Number(integer.into()),
            Err(_) => Number::from_f64(text.parse().ok()?).map_or(Cell::Null, Cell::Number),
        },
    })
}

impl Cell<'_> {
    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        match self {
            Cell::Null => output.write_all(b"null"),
            Cell::Text(text) => Ok(serde_json::to_writer(output, text)?),
            Cell::Number(number) => write!(output, "{number}"),
            Cell::Boolean(boolean) => write!(output, "{boolean}"),
        }
    }
}

/// One object a row, with every column; empty cells are null.
pub(super) fn write_csv(
    payload: &[u8],
    delimiter: u8,
    mut output: impl Write,
) -> Result<u64, DocumentPayloadError> {
    let malformed = |complaint: String| DocumentPayloadError::Malformed {
        format: DocumentFormat::Csv { delimiter },
        complaint,
    };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(payload);
    let headers = reader.headers().map_err(|error| malformed(error.to_string()))?;
    if headers.is_empty() {
        return Err(malformed("the header row is missing".to_owned()));
    }
    let columns: Vec<(&str, ColumnType)> = headers.iter().map(parse_header).collect();
    let members = members(&columns)?;
    let types: Vec<ColumnType> = columns.iter().map(|(_, column_type)| *column_type).collect();

    let mut row = StringRecord::new();
    let mut count = 0;
    while reader.read_record(&mut row).map_err(|error| malformed(error.to_string()))? {
        count += 1;
        let cells = row.iter().zip(&types).map(|(text, column_type)| {
            parse_cell(text, *column_type).ok_or_else(|| {
                let expected = match column_type {
                    ColumnType::Boolean => "a boolean",
                    ColumnType::Number | ColumnType::Text => "a number",
                };
                malformed(format!("`{text}` in row {count} is not {expected}"))
            })
        });
        let cells: Vec<Cell<'_>> = cells.collect::<Result<_, _>>()?;
        for (position, member) in members.iter().enumerate() {
            output.write_all(if position == 0 { b"{" } else { b"," })?;
            write!(output, "{}:", member.key)?;
            cells.get(member.column).unwrap_or(&Cell::Null).write(&mut output)?;
        }
        output.write_all(b"}")?;
    }
    Ok(count)
}

/// A member for each name, at the place of its first column, with the value of its last.
fn members(columns: &[(&str, ColumnType)]) -> io::Result<Vec<Member>> {
    let mut places = indexmap::IndexMap::new();
    for (column, (name, _)) in columns.iter().enumerate() {
        places.insert(*name, column);
    }
    places
        .into_iter()
        .map(|(name, column)| Ok(Member { key: serde_json::to_string(name)?, column }))
        .collect()
}
