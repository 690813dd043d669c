//! Freehold's own protocols: `proto/freehold/*.proto` to `proto/src/internal/*.rs`.

use std::error::Error;
use std::path::{Path, PathBuf};

/// The repository's root, whatever folder the command was called from.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

pub fn generate() -> Result<(), Box<dyn Error>> {
    let proto = root().join("proto");
    let out = proto.join("src/internal");
    std::fs::create_dir_all(&out)?;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(proto.join("freehold"))?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.sort();
    let descriptors = protox::compile(&files, [&proto])?;
    tonic_prost_build::configure().build_transport(false).out_dir(&out).bytes(".").emit_rerun_if_changed(false).compile_fds(descriptors)?;
    Ok(())
}
