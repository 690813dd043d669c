//! Keeps the cache within its bound: the image that nobody asked for longest goes first, one that a volume stands on never.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

struct Image {
    raw: PathBuf,
    bytes: u64,
    in_use: bool,
    asked_for: SystemTime,
}

/// Notes that the image was asked for now.
pub(super) fn asked_for(manifest: &Path) {
    let noted = File::options().append(true).open(manifest).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = noted {
        tracing::warn!(%error, "the image cache can not note what is used");
    }
}

/// Removes unused images, longest unasked first, until the rest is within `limit_bytes`. `fresh` was fetched for somebody who has not linked it yet.
pub(super) fn make_room(folder: &Path, limit_bytes: u64, fresh: &str) {
    if let Err(error) = try_make_room(folder, limit_bytes, fresh) {
        tracing::warn!(%error, "the image cache can not be kept within its bound");
    }
}

/// Removes what was being fetched when the last agent ended: nobody goes on with it.
pub(super) fn remove_parts(folder: &Path) {
    let removed = || -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    };
    if let Err(error) = removed() {
        tracing::warn!(%error, "the image cache keeps parts of images that nobody fetches");
    }
}

fn try_make_room(folder: &Path, limit_bytes: u64, fresh: &str) -> io::Result<()> {
    let mut images = images(folder)?;
    images.sort_by_key(|image| image.asked_for);
    let mut bytes: u64 = images.iter().map(|image| image.bytes).sum();
    for image in images {
        let is_fresh = image.raw.file_stem().is_some_and(|stem| stem == fresh);
        if bytes <= limit_bytes || image.in_use || is_fresh {
            continue;
        }
        fs::remove_file(&image.raw)?;
        fs::remove_file(image.raw.with_extension("manifest"))?;
        bytes -= image.bytes;
        tracing::info!(image = %image.raw.display(), "evicted an image that nothing uses");
    }
    Ok(())
}

/// How many images lie there, and what room they take.
pub fn held(folder: &Path) -> io::Result<(usize, u64)> {
    let images = images(folder)?;
    Ok((images.len(), images.iter().map(|image| image.bytes).sum()))
}

fn images(folder: &Path) -> io::Result<Vec<Image>> {
    let mut images = Vec::new();
    for entry in fs::read_dir(folder)? {
        let raw = entry?.path();
        if raw.extension().is_none_or(|extension| extension != "raw") {
            continue;
        }
        let metadata = fs::metadata(&raw)?;
        let asked_for = fs::metadata(raw.with_extension("manifest")).and_then(|named| named.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        images.push(Image { raw, bytes: metadata.blocks() * 512, in_use: metadata.nlink() > 1, asked_for });
    }
    Ok(images)
}
