//! `freehold image import | build | ls | deregister`.

mod ami;
mod arguments;
mod build;
mod import;
mod list;
mod progress;
mod upload;

use std::process::ExitCode;

pub use arguments::Image;

use crate::Failure;
use crate::cli::Output;
use crate::config::Config;

/// The confined reader, if that is what this process was started for. It must run before anything else does.
pub fn read_confined(command: &Image) -> Option<ExitCode> {
    match command {
        Image::Read { format, max_bytes } => Some(freehold_image_store::import::confined::run((*format).into(), *max_bytes)),
        _ => None,
    }
}

/// Runs to the end or to Ctrl-C; either way what it had begun is gone when this returns.
pub async fn run(config: &Config, output: Output, command: Image) -> Result<(), Failure> {
    let work = async {
        match command {
            Image::Import(import) => import::run(config, output, import).await,
            Image::Build(command) => build::run(config, output, command).await,
            Image::Ls => list::run(config, output).await,
            Image::Deregister { image_id } => list::deregister(config, image_id).await,
            Image::Read { .. } => Err("the confined reader runs by itself".into()),
        }
    };
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        ended = work => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted; nothing was made".into()),
        _ = terminated.recv() => Err("asked to end; nothing was made".into()),
    }
}
