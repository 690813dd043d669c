//! The `freehold` binary: one command line for every part.
//!
//! Owns: the command line, the one configuration file, supervision where systemd does not do it, and what people read. Decides
//! nothing about instances: it starts the parts and asks them.

mod cli;
mod commands;
mod config;
mod health;
mod operator;
mod output;
mod part;
mod pidfile;
mod profile;
mod supervise;
mod systemd;
mod trust;

use std::process::ExitCode;

use clap::Parser;

/// What a command failed with: a sentence for the person who typed it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match commands::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            output::failure(error.as_ref());
            ExitCode::FAILURE
        }
    }
}
