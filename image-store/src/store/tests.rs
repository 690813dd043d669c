use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn config(folder: &Path) -> Config {
    Config { folder: folder.to_path_buf(), reserve_mib: 0, ..Config::default() }
}

fn store() -> (TempDir, ImageStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = ImageStore::open(&config(folder.path())).expect("a store");
    (folder, store)
}

/// A disk of `kinds.len()` blocks, the last one cut to `tail` bytes. Kind 0 is zeros; equal kinds are equal blocks.
fn disk(kinds: &[u8], tail: usize) -> Vec<u8> {
    let mut disk: Vec<u8> = kinds.iter().flat_map(|kind| std::iter::repeat_n(*kind, BLOCK_BYTES)).collect();
    disk.truncate(kinds.len().saturating_sub(1) * BLOCK_BYTES + tail);
    disk
}

fn put_disk(store: &ImageStore, disk: &[u8]) -> Result<Committed, Error> {
    let upload = store.upload(disk.len() as u64)?;
    for (index, block) in disk.chunks(BLOCK_BYTES).enumerate() {
        upload.put(u32::try_from(index).expect("a small disk"), block)?;
    }
    upload.commit()
}

fn read_disk(store: &ImageStore, id: ManifestId) -> Result<Vec<u8>, Error> {
    let manifest = store.manifest(id)?;
    let mut disk = vec![0; usize::try_from(manifest.size_bytes()).expect("a small disk")];
    for (index, _) in manifest.blocks() {
        let block = store.block(&manifest, *index)?;
        let start = *index as usize * BLOCK_BYTES;
        disk[start..start + block.len()].copy_from_slice(&block);
    }
    Ok(disk)
}

fn block_files(folder: &Path) -> usize {
    let shards = fs::read_dir(folder.join("blocks")).expect("shards");
    shards.map(|shard| fs::read_dir(shard.expect("a shard").path()).expect("blocks").count()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_disk_comes_back_as_it_went_in(kinds in prop::collection::vec(0_u8..5, 1..9), tail in 1..=BLOCK_BYTES / 512) {
        let (folder, store) = store();
        let disk = disk(&kinds, tail * 512);
        let done = put_disk(&store, &disk).expect("stored");
        prop_assert_eq!(&read_disk(&store, done.manifest).expect("read"), &disk);
        let unlike_zero: std::collections::BTreeSet<&[u8]> = disk.chunks(BLOCK_BYTES).filter(|block| !is_zero(block)).collect();
        prop_assert_eq!(block_files(folder.path()), unlike_zero.len(), "each content once, zeros never");
        prop_assert_eq!(done.new_blocks, unlike_zero.len() as u64);
        let again = put_disk(&store, &disk).expect("stored again");
        prop_assert_eq!((again.manifest, again.new_blocks), (done.manifest, 0));
    }
}

#[test]
fn a_damaged_block_is_named_and_a_later_put_repairs_it() {
    let (folder, store) = store();
    let disk = disk(&[1, 2], 512);
    let id = put_disk(&store, &disk).expect("stored").manifest;
    let hash = store.manifest(id).expect("manifest").block(0).expect("listed");
    let path = store.inner.blocks.path(hash);
    let whole = fs::read(&path).expect("block");
    let flipped: Vec<u8> = whole.iter().enumerate().map(|(at, byte)| if at == 4000 { byte ^ 1 } else { *byte }).collect();
    for damage in [flipped, whole[..whole.len() - 1].to_vec(), Vec::new()] {
        fs::write(&path, damage).expect("damaged");
        let error = read_disk(&store, id).expect_err("damage is not served");
        assert!(matches!(&error, Error::Damaged(Damage::Block(named)) if *named == hash), "{error}");
        assert!(error.to_string().contains(&hash.to_string()), "{error}");
    }
    fs::remove_file(&path).expect("removed");
    assert!(matches!(read_disk(&store, id), Err(Error::Damaged(Damage::BlockMissing(named))) if named == hash));
    assert_eq!(put_disk(&store, &disk).expect("stored again").new_blocks, 1);
    assert_eq!(read_disk(&store, id).expect("repaired"), disk);
    assert_eq!(fs::read_dir(folder.path().join("incoming")).expect("incoming").count(), 0);
}

#[test]
fn a_damaged_manifest_is_never_believed() {
    let (folder, store) = store();
    let id = put_disk(&store, &disk(&[1, 2], 512)).expect("stored").manifest;
    let path = folder.path().join("manifests").join(id.to_string());
    let whole = fs::read(&path).expect("manifest");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).expect("damaged");
        assert!(matches!(store.manifest(id), Err(Error::Damaged(Damage::Manifest(named))) if named == id), "byte {at}");
    }
}

#[test]
fn concurrent_puts_of_the_same_block_agree() {
    let (folder, store) = store();
    let disk = disk(&[7, 7, 7, 7, 7, 7, 7, 7], BLOCK_BYTES);
    let ids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let uploads: Vec<_> = (0..4).map(|_| scope.spawn(|| put_disk(&store, &disk).expect("stored").manifest.to_string())).collect();
        uploads.into_iter().map(|upload| upload.join().expect("no panic")).collect()
    });
    assert_eq!((ids.len(), block_files(folder.path())), (1, 1));
}

#[test]
fn an_upload_that_is_broken_off_is_not_visible() {
    let (_folder, store) = store();
    let upload = store.upload(BLOCK_BYTES as u64).expect("upload");
    upload.put(0, &vec![1; BLOCK_BYTES]).expect("put");
    drop(upload);
    assert_eq!(store.manifests().expect("list"), []);
}

#[test]
fn what_does_not_fit_the_disk_is_refused() {
    let (_folder, store) = store();
    let refused = |result: Result<(), Error>| matches!(result, Err(Error::Invalid(_)));
    let upload = store.upload(BLOCK_BYTES as u64 + 512).expect("upload");
    assert!(refused(upload.put(0, &[1; 512])), "short");
    assert!(refused(upload.put(1, &vec![1; BLOCK_BYTES])), "long");
    assert!(refused(upload.put(2, &vec![1; BLOCK_BYTES])) && refused(upload.put(2, &[])), "beyond the end");
    upload.put(1, &[1; 512]).expect("the shorter last block");
    assert!(refused(upload.put(1, &[1; 512])), "twice");
    for size in [0, 100, (16_384 << 30) + 512] {
        assert!(matches!(store.upload(size), Err(Error::Invalid(_))), "{size}");
    }
}

#[test]
fn a_block_that_would_eat_into_the_reserve_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = Config { reserve_mib: u64::MAX >> 20, ..config(folder.path()) };
    let store = ImageStore::open(&full).expect("a store");
    assert!(matches!(put_disk(&store, &disk(&[1], 512)), Err(Error::Full)));
    assert_eq!(block_files(folder.path()), 0);
    assert_eq!(fs::read_dir(folder.path().join("incoming")).expect("incoming").count(), 0);
}

#[test]
fn a_deleted_manifest_is_gone_and_what_others_list_stays() {
    let (_folder, store) = store();
    let one = put_disk(&store, &disk(&[1, 2], 512)).expect("stored").manifest;
    let two = put_disk(&store, &disk(&[1, 3], 512)).expect("stored").manifest;
    store.delete_manifest(one).expect("deleted");
    assert!(matches!(store.manifest(one), Err(Error::NoManifest(_))));
    assert!(matches!(store.delete_manifest(one), Err(Error::NoManifest(_))));
    assert_eq!(store.manifests().expect("list"), [two]);
    assert_eq!(read_disk(&store, two).expect("read"), disk(&[1, 3], 512));
}

const CRASH_FOLDER: &str = "FREEHOLD_TEST_CRASH_FOLDER";
const CRASH_STEP: &str = "FREEHOLD_TEST_CRASH_STEP";

/// The process that [`a_crash_at_any_step_of_a_commit_does_no_harm`] kills. By itself it does nothing.
#[test]
fn crash_child() {
    let (Ok(folder), Ok(step)) = (std::env::var(CRASH_FOLDER), std::env::var(CRASH_STEP)) else { return };
    let abort_at = move |at: Step| {
        if format!("{at:?}") == step {
            std::process::abort();
        }
    };
    let store = ImageStore::open_with(&config(Path::new(&folder)), Box::new(abort_at)).expect("a store");
    let _ = put_disk(&store, &disk(&[1, 2, 0, 3], 1024));
}

#[test]
fn a_crash_at_any_step_of_a_commit_does_no_harm() {
    for step in Step::ALL {
        let (folder, store) = store();
        let kept = put_disk(&store, &disk(&[1, 9], 512)).expect("stored").manifest;
        let status = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "store::tests::crash_child", "--quiet"])
            .env(CRASH_FOLDER, folder.path())
            .env(CRASH_STEP, format!("{step:?}"))
            .output()
            .expect("the child runs")
            .status;
        assert!(!status.success(), "the child did not reach {step:?}");

        let store = ImageStore::open(&config(folder.path())).expect("the store opens after a crash");
        assert_eq!(fs::read_dir(folder.path().join("incoming")).expect("incoming").count(), 0, "{step:?}");
        for id in store.manifests().expect("list") {
            read_disk(&store, id).expect("every visible manifest is whole");
        }
        read_disk(&store, kept).expect("what was there stays");
        let visible = store.manifests().expect("list").len() == 2;
        assert_eq!(visible, matches!(step, Step::ManifestNamed | Step::Committed), "{step:?}");
        let done = put_disk(&store, &disk(&[1, 2, 0, 3], 1024)).expect("stored again");
        assert_eq!(read_disk(&store, done.manifest).expect("read"), disk(&[1, 2, 0, 3], 1024), "{step:?}");
    }
}
