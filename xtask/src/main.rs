//! Development commands: `cargo xtask proto`, `cargo xtask model`, `cargo xtask descriptors`.

mod internal;
mod model;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The generator and other development commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate Rust from proto/freehold/*.proto (checked in under proto/src/internal)
    Proto,
    /// Generate protos, messages, wire tables and coverage from AWS's service model and proto/actions.toml
    Model {
        /// The Python that has pip, which fetches the model once
        #[arg(long, default_value = "python3")]
        python: String,
    },
    /// Write the compiled protos of AWS's actions to a file, for clients that read such (`grpcurl -protoset FILE`)
    Descriptors { file: PathBuf },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().command {
        Command::Proto => internal::generate(),
        Command::Model { python } => model::generate(&python),
        Command::Descriptors { file } => model::descriptors(&file),
    }
}
