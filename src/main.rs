//! The `freehold` binary: one command line for every part.
fn main() {}
