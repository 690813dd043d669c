//! How far it is: a bar on a terminal, a line now and then elsewhere. On standard error, so that answers stay clean.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

const LINES: u64 = 4;

pub struct Progress {
    bar: Option<ProgressBar>,
    text: String,
    total: u64,
    told: AtomicU64,
}

impl Progress {
    pub fn of(text: &str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(text, total));
        if bar.is_none() {
            output::progress(text);
        }
        Self { bar, text: text.to_owned(), total: total.max(1), told: AtomicU64::new(0) }
    }

    pub fn at(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            return;
        }
        let part = position.saturating_mul(LINES) / self.total;
        if part > self.told.fetch_max(part, Ordering::Relaxed) && part < LINES {
            output::progress(&format!("{}: {} %", self.text, part * 100 / LINES));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(text: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:32}] {binary_bytes}/{binary_total_bytes}");
    let bar = ProgressBar::new(total).with_message(text.to_owned());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}
