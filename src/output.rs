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
                table.add_row(row.cells().into_iter().map(|cell| plain(&cell)));
            }
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            line(&table.trim_fmt())
        }
    }
}

/// Without what would move a terminal's cursor or change its colours: names in a table are others' to choose.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }).collect()
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
    // Line by line: what is said at length has more than one.
    let text = text.lines().map(plain).collect::<Vec<_>>().join("\n");
    let _ = writeln!(std::io::stderr().lock(), "freehold: {text}");
}

/// A protobuf time as people and AWS write it, to the second: `2026-01-02T03:04:05Z`; "" for none.
pub fn time(stamp: Option<prost_types::Timestamp>) -> String {
    stamp.map(|stamp| prost_types::Timestamp { nanos: 0, ..stamp }.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn nobody_s_name_writes_on_the_terminal() {
        assert_eq!(super::plain("\u{1b}[31mhôte\u{9b}1m\n"), "\u{fffd}[31mhôte\u{fffd}1m\u{fffd}");
    }
}
