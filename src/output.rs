//! What people read and what scripts read: one value, printed as a table or as JSON.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::Failure;
use crate::cli::Output;

/// A row of a table; its JSON form is the type's own.
pub trait Row: Serialize {
    const HEADINGS: &'static [&'static str];
    fn cells(&self) -> Vec<String>;
}

/// Prints rows: a table with a heading, or a JSON list.
pub fn rows<R: Row>(output: Output, rows: &[R]) -> Result<(), Failure> {
    match output {
        Output::Json => json(&rows),
        Output::Table => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(R::HEADINGS);
            for row in rows {
                table.add_row(row.cells());
            }
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            line(&table.trim_fmt())
        }
    }
}

/// Prints one value as JSON.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Prints a line. A reader that went away (`| head`) is no failure.
pub fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What goes on, for whoever watches: to stderr, so that answers stay clean.
pub fn progress(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let arrow = if stderr.is_terminal() { "\x1b[1m→\x1b[0m" } else { "→" };
    let _ = writeln!(stderr, "{arrow} {text}");
}

/// A failure and its causes, innermost last.
pub fn failure(error: &(dyn std::error::Error + 'static)) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let sentence = error.to_string();
        if !text.contains(&sentence) {
            text.push_str(": ");
            text.push_str(&sentence);
        }
        cause = error.source();
    }
    let _ = writeln!(std::io::stderr().lock(), "freehold: {text}");
}

/// A protobuf time as people and AWS write it, to the second: `2026-01-02T03:04:05Z`; "" for none.
pub fn time(stamp: Option<prost_types::Timestamp>) -> String {
    stamp.map(|stamp| prost_types::Timestamp { nanos: 0, ..stamp }.to_string()).unwrap_or_default()
}
