use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::import::{Format, confined};
use crate::manifest::{BLOCK_BYTES, block_len};

const ALLOWED: u64 = 1 << 40;

fn qemu_img(args: &[&str]) {
    let output = Command::new("qemu-img").args(args).output().expect("qemu-img (apt-get install qemu-utils)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the confined reader would write, put together again.
fn read(path: &Path, format: Format) -> Result<Vec<u8>, Error> {
    let mut frames = Vec::new();
    confined::read(File::open(path)?, format, ALLOWED, &mut frames)?;
    let size = u64::from_le_bytes(frames[8..16].try_into().expect("a size"));
    let mut disk = vec![0; usize::try_from(size).expect("a small disk")];
    let mut rest = &frames[16..];
    while rest.len() > 4 {
        let index = u32::from_le_bytes(rest[..4].try_into().expect("an index"));
        let len = block_len(size, index);
        let start = index as usize * BLOCK_BYTES;
        disk[start..start + len].copy_from_slice(&rest[4..4 + len]);
        rest = &rest[4 + len..];
    }
    assert_eq!(rest, u32::MAX.to_le_bytes(), "the end is said");
    Ok(disk)
}

fn refusal(path: &Path, format: Format) -> String {
    match read(path, format) {
        Err(Error::Refused(why)) => why,
        Err(error) => panic!("not refused but failed: {error}"),
        Ok(_) => panic!("taken"),
    }
}

/// A disk of pieces: zeros, a repeated byte, or noise that does not compress.
fn content(pieces: &[u8]) -> Vec<u8> {
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut disk = Vec::new();
    for kind in pieces {
        let mut piece = vec![*kind; 96 * 1024];
        if *kind > 3 {
            noise.fill(&mut piece);
        }
        disk.extend(piece);
    }
    disk
}

fn example(folder: &Path, options: &[&str]) -> PathBuf {
    let (raw, qcow2) = (folder.join("disk.raw"), folder.join("disk.qcow2"));
    fs::write(&raw, content(&[1, 0, 5, 0, 0, 2, 6])).expect("written");
    let paths = [raw.to_str().expect("UTF-8"), qcow2.to_str().expect("UTF-8")];
    qemu_img(&[&["convert", "-f", "raw", "-O", "qcow2"], options, &paths].concat());
    qcow2
}

/// The example with these bytes changed.
fn patched(at: usize, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = example(folder.path(), &[]);
    let mut disk = fs::read(&path).expect("read");
    disk[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(&path, disk).expect("written");
    (folder, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_disk_that_qemu_wrote_reads_as_qemu_reads_it(
        pieces in prop::collection::vec(0_u8..7, 1..12),
        compressed in any::<bool>(),
        cluster in prop::sample::select(vec!["512", "4k", "64k", "2M"]),
        compat in prop::sample::select(vec!["0.10", "1.1"]),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let (raw, qcow2) = (folder.path().join("disk.raw"), folder.path().join("disk.qcow2"));
        let disk = content(&pieces);
        fs::write(&raw, &disk).expect("written");
        let options = format!("cluster_size={cluster},compat={compat}");
        let mut args = vec!["convert", "-f", "raw", "-O", "qcow2", "-o", &options];
        if compressed {
            args.push("-c");
        }
        args.extend([raw.to_str().expect("UTF-8"), qcow2.to_str().expect("UTF-8")]);
        qemu_img(&args);
        prop_assert_eq!(&read(&qcow2, Format::Qcow2).expect("read"), &disk);
        prop_assert_eq!(&read(&raw, Format::Raw).expect("read"), &disk);
    }

    #[test]
    fn a_damaged_disk_is_refused_or_read_and_never_more(at in 0_usize..500_000, byte in any::<u8>(), cut in any::<bool>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = example(folder.path(), &["-c"]);
        let mut disk = fs::read(&path).expect("read");
        let at = at % disk.len();
        disk[at] = byte;
        if cut {
            disk.truncate(at);
        }
        fs::write(&path, disk).expect("written");
        match read(&path, Format::Qcow2) {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

#[test]
fn other_files_are_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = example(folder.path(), &[]);
    let (top, data) = (folder.path().join("top.qcow2"), folder.path().join("data.qcow2"));
    qemu_img(&["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.to_str().expect("UTF-8"), top.to_str().expect("UTF-8")]);
    assert!(refusal(&top, Format::Qcow2).contains("backing file"));
    let option = format!("data_file={}", folder.path().join("data.raw").display());
    qemu_img(&["create", "-q", "-f", "qcow2", "-o", &option, data.to_str().expect("UTF-8"), "1M"]);
    assert!(refusal(&data, Format::Qcow2).contains("another file"));
}

#[test]
fn the_stated_format_is_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let qcow2 = example(folder.path(), &[]);
    assert!(refusal(&qcow2, Format::Raw).contains("qcow2"));
    assert!(refusal(&folder.path().join("disk.raw"), Format::Qcow2).contains("not a qcow2"));
    for (bytes, expected) in
        [(b"\x1f\x8b\x08\0".to_vec(), "gzip"), (b"KDMV".to_vec(), "VMDK"), (vec![1; 700], "sectors"), (Vec::new(), "sectors")]
    {
        let path = folder.path().join("other");
        fs::write(&path, bytes).expect("written");
        let why = refusal(&path, Format::Raw);
        assert!(why.contains(expected), "{why}");
        assert!(refusal(&path, Format::Qcow2).contains("not a qcow2"));
    }
}

#[test]
fn what_a_reader_can_not_follow_is_refused_by_name() {
    for (at, bytes, expected) in [
        (4, 4_u32.to_be_bytes().to_vec(), "version 4"),
        (20, 40_u32.to_be_bytes().to_vec(), "clusters"),
        (20, 0_u32.to_be_bytes().to_vec(), "clusters"),
        (24, (1_u64 << 62).to_be_bytes().to_vec(), "virtual size"),
        (24, 0_u64.to_be_bytes().to_vec(), "virtual size"),
        (24, 777_u64.to_be_bytes().to_vec(), "virtual size"),
        (32, 1_u32.to_be_bytes().to_vec(), "encrypted"),
        (36, 0_u32.to_be_bytes().to_vec(), "level-one"),
        (40, (1_u64 << 60).to_be_bytes().to_vec(), "truncated"),
        (40, 513_u64.to_be_bytes().to_vec(), "aligned"),
        (60, u32::MAX.to_be_bytes().to_vec(), "snapshots"),
        (72, CORRUPT.to_be_bytes().to_vec(), "corrupt"),
        (72, COMPRESSION.to_be_bytes().to_vec(), "zstd"),
        (72, EXTENDED_L2.to_be_bytes().to_vec(), "subclusters"),
        (72, (1_u64 << 40).to_be_bytes().to_vec(), "features"),
    ] {
        let (_folder, path) = patched(at, &bytes);
        let why = refusal(&path, Format::Qcow2);
        assert!(why.contains(expected), "byte {at}: {why}");
    }
}

#[test]
fn a_raw_disk_that_is_shorter_than_its_partitions_is_truncated() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("disk.raw");
    let mut disk = vec![0; 1 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk[446 + 4] = 0x83;
    disk[446 + 8..446 + 16].copy_from_slice(&[0, 1, 0, 0, 0, 7, 0, 0]);
    fs::write(&path, &disk).expect("written");
    assert_eq!(read(&path, Format::Raw).expect("whole"), disk);
    fs::write(&path, &disk[..1 << 19]).expect("written");
    assert!(refusal(&path, Format::Raw).contains("truncated"));
    disk[446 + 4] = 0xee;
    fs::write(&path, &disk).expect("written");
    assert!(refusal(&path, Format::Raw).contains("GUID"));
    disk[512..520].copy_from_slice(b"EFI PART");
    disk[512 + 32..512 + 40].copy_from_slice(&2048_u64.to_le_bytes());
    fs::write(&path, &disk).expect("written");
    assert!(refusal(&path, Format::Raw).contains("truncated"));
}
