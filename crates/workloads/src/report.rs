//! Figures as tables for people and as JSON for machines.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// Prints a table: the first column to the left, figures to the right.
pub(crate) fn print_table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("\n{title}\n{}", table(head, rows));
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            match column {
                0 => line.extend([cell, &padding]),
                _ => line.extend(["  ", &padding, cell]),
            }
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// Writes the figures with what is needed to compare them with those of another machine.
pub(crate) fn write_json(file: Option<&Path>, workload: &str, figures: Value) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text =
        format!("{:#}\n", json!({"workload": workload, "machine": machine(), "figures": figures}));
    std::fs::write(file, text).map_err(Error::io(file))
}

fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    json!({
        "cores": std::thread::available_parallelism().map_or(0, |cores| cores.get()),
        "cpu": model.map(str::trim),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}

/// Bytes in mebibytes, one digit.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// Seconds or a ratio, two digits.
pub(crate) fn two(number: f64) -> String {
    format!("{number:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["a".into(), "1.5".into()], vec!["longer".into(), "10.25".into()]];
        assert_eq!(table(&["step", "s"], &rows), "step        s\na         1.5\nlonger  10.25");
    }

    #[test]
    fn figures() {
        assert_eq!((mib(3 << 19), two(0.346)), ("1.5".into(), "0.35".into()));
    }

    #[test]
    fn json_names_the_machine() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("figures.json");
        write_json(Some(&file), "index", json!([1])).unwrap();
        let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(written["workload"], "index");
        assert!(written["machine"]["cores"].as_u64().unwrap() > 0);
        assert_eq!(written["figures"], json!([1]));
    }
}
