//! Statistics as tables and as JSON.

use super::{Gathered, Look, Sizes, Taken};
use crate::model::Direction;
use crate::output::page::Sheet;
use crate::output::style::Ink;
use crate::output::{escape, grid, time};
use serde_json::{Map, Value, json};

/// Writes the statistics as tables.
pub fn tables(sheet: &mut Sheet, gathered: &Gathered, look: &Look) {
    inputs(sheet, gathered, look);
    kinds(sheet, gathered, look);
    issues(sheet, gathered, look);
}

/// A table in the making.
struct Grid<'a> {
    heads: &'a [&'a str],
    right: &'a [bool],
    inks: Vec<&'a Ink>,
    rows: Vec<Vec<String>>,
}

impl Grid<'_> {
    fn write(&self, sheet: &mut Sheet, look: &Look) {
        let widths: Vec<usize> = self
            .heads
            .iter()
            .enumerate()
            .map(|(index, head)| {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                let widest = cells.map(|cell| grid::width(cell)).max().unwrap_or(0);
                widest.max(head.len())
            })
            .collect();
        let rows = self.rows.iter().map(Vec::as_slice);
        let lines = grid::lay_out(self.heads, rows, &widths, self.right);
        let heads = vec![&look.styles.heading; self.heads.len()];
        for (index, line) in lines.iter().enumerate() {
            let inks = if index == 0 { &heads } else { &self.inks };
            grid::paint(sheet, line, &widths, inks);
        }
    }
}

fn inputs(sheet: &mut Sheet, gathered: &Gathered, look: &Look) {
    let styles = &look.styles;
    let mut grid = Grid {
        heads: &["input", "taken for", "because of", "records", "bytes"],
        right: &[false, false, false, true, true],
        inks: vec![
            &styles.number,
            &styles.heading,
            &styles.aside,
            &styles.number,
            &styles.number,
        ],
        rows: Vec::new(),
    };
    for input in &gathered.inputs {
        let mut name = escaped(input.file.as_deref().unwrap_or(&look.input));
        for (protocol, taken) in &input.protocols {
            grid.rows.push(vec![
                std::mem::take(&mut name),
                (*protocol).to_owned(),
                grounds(taken),
                taken.records.to_string(),
                taken.bytes.to_string(),
            ]);
        }
    }
    if grid.rows.is_empty() {
        grid.rows.push(vec![
            escaped(&look.input),
            "nothing".to_owned(),
            "no bytes".to_owned(),
            "0".to_owned(),
            "0".to_owned(),
        ]);
    }
    grid.write(sheet, look);
    if let Some((first, last)) = gathered.times {
        let mut text = Vec::new();
        time::write_rfc3339(&mut text, first);
        text.extend_from_slice(" to ".as_bytes());
        time::write_rfc3339(&mut text, last);
        sheet.put(&styles.aside, &String::from_utf8_lossy(&text));
        let seconds = (last - first) / 1_000_000_000;
        let milliseconds = (last - first) / 1_000_000 % 1000;
        sheet.print(
            &styles.aside,
            format_args!(", {seconds}.{milliseconds:03} s"),
        );
        sheet.newline();
    }
}

/// Why an input was taken for a protocol: all reasons, the numbers where there are several.
fn grounds(taken: &Taken) -> String {
    match taken.grounds.len() {
        0 => "-".to_owned(),
        1 => taken.grounds.keys().copied().collect(),
        _ => {
            let all: Vec<String> = taken
                .grounds
                .iter()
                .map(|(grounds, count)| format!("{grounds} ({count})"))
                .collect();
            all.join(", ")
        }
    }
}

fn kinds(sheet: &mut Sheet, gathered: &Gathered, look: &Look) {
    if gathered.kinds.is_empty() {
        return;
    }
    let styles = &look.styles;
    let directed = gathered.kinds.keys().any(|(_, _, way)| way.is_some());
    let number = &styles.number;
    let mut grid = Grid {
        heads: &["type", "", "count", "bytes", "min", "mean", "max"],
        right: &[false, false, true, true, true, true, true],
        inks: vec![
            &styles.heading,
            &styles.to_server,
            number,
            number,
            number,
            number,
            number,
        ],
        rows: Vec::new(),
    };
    for ((protocol, kind, direction), sizes) in &gathered.kinds {
        let name = if protocol == kind {
            (*protocol).to_owned()
        } else {
            format!("{protocol}.{kind}")
        };
        grid.rows.push(row(name, arrow(*direction), sizes));
    }
    if gathered.kinds.len() > 1 {
        let total = gathered.total();
        grid.rows.push(row("total".to_owned(), "", &total));
    }
    if !directed {
        grid.heads = &["type", "count", "bytes", "min", "mean", "max"];
        grid.right = &[false, true, true, true, true, true];
        grid.inks.remove(1);
        for row in &mut grid.rows {
            row.remove(1);
        }
    }
    sheet.newline();
    grid.write(sheet, look);
}

fn row(name: String, way: &str, sizes: &Sizes) -> Vec<String> {
    let tenths = sizes.mean_tenths();
    vec![
        name,
        way.to_owned(),
        sizes.count.to_string(),
        sizes.bytes.to_string(),
        sizes.least.to_string(),
        format!("{}.{}", tenths / 10, tenths % 10),
        sizes.most.to_string(),
    ]
}

fn arrow(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::ClientToServer) => "→",
        Some(Direction::ServerToClient) => "←",
        None => "",
    }
}

fn issues(sheet: &mut Sheet, gathered: &Gathered, look: &Look) {
    if gathered.issues.is_empty() {
        return;
    }
    sheet.newline();
    let styles = &look.styles;
    // Inks go by column, so each severity is a table of its own under one head.
    let mut grid = Grid {
        heads: &["issue", "severity", "count", "first"],
        right: &[false, false, true, false],
        inks: Vec::new(),
        rows: Vec::new(),
    };
    for ((severity, code), findings) in &gathered.issues {
        let (number, offset) = findings.first;
        grid.rows.push(vec![
            (*code).to_owned(),
            severity.0.name().to_owned(),
            findings.count.to_string(),
            format!("#{number} at {offset:#x}"),
        ]);
    }
    grid.inks = vec![
        &styles.heading,
        &styles.aside,
        &styles.number,
        &styles.aside,
    ];
    grid.write(sheet, look);
}

fn escaped(text: &str) -> String {
    let none = Ink::default();
    let mut sheet = Sheet::default();
    sheet.untrusted(&none, &none, text);
    let (bytes, columns) = escape::fitting(text, 60);
    if columns > 60 {
        let mut sheet = Sheet::default();
        sheet.untrusted(&none, &none, text.get(..bytes).unwrap_or_default());
        sheet.put(&none, "…");
        return String::from_utf8_lossy(sheet.bytes()).into_owned();
    }
    String::from_utf8_lossy(sheet.bytes()).into_owned()
}

/// Writes the statistics as one JSON object on one line.
pub fn json(sheet: &mut Sheet, gathered: &Gathered, look: &Look) {
    let total = gathered.total();
    let inputs: Vec<Value> = gathered
        .inputs
        .iter()
        .map(|input| {
            let protocols: Vec<Value> = input
                .protocols
                .iter()
                .map(|(protocol, taken)| {
                    json!({
                        "protocol": protocol,
                        "records": taken.records,
                        "bytes": taken.bytes,
                        "grounds": taken.grounds,
                    })
                })
                .collect();
            let file = input.file.as_deref().unwrap_or(&look.input);
            json!({"input": file, "protocols": protocols})
        })
        .collect();
    let types: Vec<Value> = gathered
        .kinds
        .iter()
        .map(|((protocol, kind, direction), sizes)| {
            let mut object = Map::new();
            object.insert("protocol".to_owned(), json!(protocol));
            object.insert("type".to_owned(), json!(kind));
            if let Some(direction) = direction {
                object.insert("direction".to_owned(), json!(direction.name()));
            }
            object.insert("count".to_owned(), json!(sizes.count));
            object.insert("bytes".to_owned(), json!(sizes.bytes));
            object.insert("min".to_owned(), json!(sizes.least));
            object.insert("max".to_owned(), json!(sizes.most));
            Value::Object(object)
        })
        .collect();
    let issues: Vec<Value> = gathered
        .issues
        .iter()
        .map(|((severity, code), findings)| {
            let (number, offset) = findings.first;
            json!({
                "severity": severity.0.name(),
                "code": code,
                "count": findings.count,
                "first": {"n": number, "offset": offset},
            })
        })
        .collect();
    let mut object = Map::new();
    object.insert("records".to_owned(), json!(total.count));
    object.insert("bytes".to_owned(), json!(total.bytes));
    if let Some((first, last)) = gathered.times {
        object.insert("first".to_owned(), json!(rfc3339(first)));
        object.insert("last".to_owned(), json!(rfc3339(last)));
    }
    object.insert("inputs".to_owned(), Value::Array(inputs));
    object.insert("types".to_owned(), Value::Array(types));
    object.insert("issues".to_owned(), Value::Array(issues));
    sheet.put(&Ink::default(), &Value::Object(object).to_string());
    sheet.newline();
}

fn rfc3339(nanoseconds: u64) -> String {
    let mut text = Vec::new();
    time::write_rfc3339(&mut text, nanoseconds);
    String::from_utf8_lossy(&text).into_owned()
}
