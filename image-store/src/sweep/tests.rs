use super::*;
use crate::manifest::BLOCK_BYTES;
use crate::{Config, Upload};

fn store() -> (tempfile::TempDir, ImageStore) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { folder: folder.path().to_owned(), reserve_mib: 0, ..Config::default() };
    let store = ImageStore::open(&config).unwrap();
    (folder, store)
}

/// An upload of one block per kind, not committed.
fn begun(store: &ImageStore, kinds: &[u8]) -> Upload {
    let upload = store.upload((kinds.len() * BLOCK_BYTES) as u64).unwrap();
    for (index, kind) in (0..).zip(kinds) {
        upload.put(index, &vec![*kind; BLOCK_BYTES]).unwrap();
    }
    upload
}

/// A time at which everything that is there now is older than the grace.
fn later() -> SystemTime {
    SystemTime::now() + GRACE + Duration::from_mins(1)
}

async fn swept(store: &ImageStore, now: SystemTime) -> (u64, u64, u64) {
    let census = store.sweep(now).await.unwrap().expect("nobody uploads");
    assert_eq!(census.bytes, census.blocks * BLOCK_BYTES as u64);
    (census.blocks, census.unreferenced_blocks, census.removed_blocks)
}

#[tokio::test]
async fn what_no_manifest_names_is_counted_spared_for_a_day_and_then_removed() {
    let (_folder, store) = store();
    let kept = begun(&store, &[1, 2]).commit().unwrap().manifest;
    drop(begun(&store, &[2, 3]));
    let deleted = begun(&store, &[1, 4]).commit().unwrap().manifest;
    store.delete_manifest(deleted).unwrap();
    assert_eq!(swept(&store, SystemTime::now()).await, (4, 2, 0), "blocks 3 and 4 are nobody's, and young");
    assert_eq!(swept(&store, later()).await, (2, 0, 2));
    assert_eq!(swept(&store, later()).await, (2, 0, 0), "twice changes nothing");
    let manifest = store.manifest(kept).unwrap();
    assert!((0..2).all(|index| store.block(&manifest, index).is_ok()), "what is named stays");
}

#[tokio::test]
async fn nothing_is_removed_while_an_upload_is_under_way() {
    let (_folder, store) = store();
    drop(begun(&store, &[7]));
    let turn = store.uploads().acquire_owned().await.unwrap();
    assert_eq!(store.sweep(later()).await.unwrap(), None);
    // The upload finds the block and counts on it.
    let upload = begun(&store, &[7]);
    let committed = upload.commit().unwrap();
    drop(turn);
    assert_eq!(committed.new_blocks, 0, "the block was there");
    assert_eq!(swept(&store, later()).await, (1, 0, 0));
}

#[tokio::test]
async fn a_damaged_manifest_stops_the_sweep_since_it_can_not_say_what_it_names() {
    let (folder, store) = store();
    let id = begun(&store, &[1]).commit().unwrap().manifest;
    drop(begun(&store, &[2]));
    std::fs::write(folder.path().join("manifests").join(id.to_string()), b"damaged").unwrap();
    assert!(matches!(store.sweep(later()).await, Err(Error::Damaged(_))));
    // The repair of the image brings the manifest back, and its block is still there.
    assert_eq!(begun(&store, &[1]).commit().unwrap().new_blocks, 0);
    assert_eq!(swept(&store, later()).await, (1, 0, 1));
}

#[tokio::test]
async fn a_file_that_is_no_block_is_left_alone() {
    let (folder, store) = store();
    let stray = folder.path().join("blocks/00/notes.txt");
    std::fs::write(&stray, b"mine").unwrap();
    assert_eq!(swept(&store, later()).await, (0, 0, 0));
    assert!(stray.exists());
}
