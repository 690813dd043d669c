//! Development commands: `cargo xtask proto`, `cargo xtask model`.

mod internal;

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
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().command {
        Command::Proto => internal::generate(),
    }
}
