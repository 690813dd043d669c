//! A disk that forgets. What a process wrote outlives the process; what was not synced may not outlive the machine: a file without its
//! own sync loses content, one without its folder's sync loses its name, its removal or its new name, each by itself.
//!
//! It can also be full, and its process can die at any of its operations, with that one half done.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold_node_agent::durable::{Disk, Files};

use crate::dice::Dice;

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    content: Arc<Vec<u8>>,
    synced: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Ordinary,
    /// Loses nothing ever.
    Perfect,
    /// Says that it has synced, and has not.
    Lying,
}

#[derive(Debug, Default)]
struct State {
    /// As every process sees it.
    seen: BTreeMap<PathBuf, File>,
    /// The names that a power cut leaves for certain.
    durable: BTreeMap<PathBuf, File>,
    folders: BTreeSet<PathBuf>,
    full: bool,
    /// Operations until the process dies.
    until_death: Option<u32>,
    dead: bool,
    kind: Kind,
}

/// Cheap to clone; the disk outlives the agents that open it.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

/// What an operation that changes something may do.
enum Allowed {
    All,
    /// The process dies in it.
    Half,
}

impl State {
    fn allow(&mut self) -> io::Result<Allowed> {
        if self.dead {
            return Err(io::Error::other("the process was killed"));
        }
        match self.until_death.as_mut() {
            Some(0) => {
                self.dead = true;
                Ok(Allowed::Half)
            }
            Some(more) => {
                *more -= 1;
                Ok(Allowed::All)
            }
            None => Ok(Allowed::All),
        }
    }

    fn settle(&mut self) {
        if self.kind == Kind::Perfect {
            self.durable.clone_from(&self.seen);
        }
    }
}

fn killed<T>() -> io::Result<T> {
    Err(io::Error::other("the process was killed"))
}

impl SimulatedDisk {
    /// One that loses nothing: what the guests are on, who are not the agent's process.
    pub fn perfect() -> Self {
        Self(Arc::new(Mutex::new(State { kind: Kind::Perfect, ..State::default() })))
    }

    pub fn disk(&self) -> Disk {
        Disk::of(Arc::new(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// The process dies after this many more operations.
    pub fn kill_after(&self, operations: u32) {
        self.lock().until_death = Some(operations);
    }

    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Another process opens it.
    pub fn revive(&self) {
        let mut state = self.lock();
        state.dead = false;
        state.until_death = None;
    }

    /// The process will not die after all.
    pub fn spare(&self) {
        self.lock().until_death = None;
    }

    /// From now on it only says that it has synced.
    pub fn lie(&self) {
        self.lock().kind = Kind::Lying;
    }

    /// The machine loses its power: of what was not synced, some is there and some is not.
    pub fn cut_power(&self, dice: &mut Dice) {
        let mut state = self.lock();
        let names: BTreeSet<PathBuf> = state.seen.keys().chain(state.durable.keys()).cloned().collect();
        let mut left = BTreeMap::new();
        for name in names {
            let (seen, durable) = (state.seen.get(&name), state.durable.get(&name));
            let kept = if seen == durable || dice.one_in(2) { durable } else { seen };
            if let Some(file) = kept {
                let lost = if file.synced { None } else { Some(dice.below(file.content.len() + 1)) };
                let content = lost.map_or_else(|| Arc::clone(&file.content), |length| Arc::new(file.content[..length].to_vec()));
                left.insert(name, File { content, synced: true });
            }
        }
        state.durable.clone_from(&left);
        state.seen = left;
    }

    /// Every file below `folder`, as the processes see it.
    pub fn files(&self, folder: &str) -> BTreeMap<String, Arc<Vec<u8>>> {
        let state = self.lock();
        let below = state.seen.iter().filter(|(path, _)| path.parent() == Some(Path::new(folder)) && path.extension().is_none());
        below.map(|(path, file)| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), Arc::clone(&file.content))).collect()
    }
}

impl Files for SimulatedDisk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.lock().folders.insert(path.to_owned());
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.lock();
        if !state.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(state.seen.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.lock().seen.get(path).map(|file| file.content.to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&self, path: &Path, content: &[&[u8]], synced: bool) -> io::Result<()> {
        let mut state = self.lock();
        let allowed = state.allow()?;
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut content = content.concat();
        if matches!(allowed, Allowed::Half) {
            content.truncate(content.len() / 2);
            state.seen.insert(path.to_owned(), File { content: Arc::new(content), synced: false });
            return killed();
        }
        let synced = synced || state.kind == Kind::Perfect;
        state.seen.insert(path.to_owned(), File { content: Arc::new(content), synced });
        state.settle();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let allowed = state.allow()?;
        let file = state.seen.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.seen.insert(to.to_owned(), file);
        state.settle();
        if matches!(allowed, Allowed::Half) { killed() } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let allowed = state.allow()?;
        let found = state.seen.remove(path).is_some();
        state.settle();
        match allowed {
            Allowed::Half => killed(),
            Allowed::All if found => Ok(()),
            Allowed::All => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if matches!(state.allow()?, Allowed::Half) {
            return killed();
        }
        if state.kind == Kind::Lying {
            return Ok(());
        }
        let here = |path: &Path| path.parent() == Some(folder);
        state.durable.retain(|path, _| !here(path));
        let now: Vec<_> = state.seen.iter().filter(|(path, _)| here(path)).map(|(path, file)| (path.clone(), file.clone())).collect();
        state.durable.extend(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        Path::new("folder").join(name)
    }

    fn written(disk: &SimulatedDisk, name: &str) {
        disk.disk().replace(&path(name), name.as_bytes()).expect("written");
    }

    /// What is left of `name` after each of many power cuts.
    fn after_power_cuts(prepare: impl Fn(&SimulatedDisk), name: &str) -> BTreeSet<Option<bool>> {
        let left = (0..32).map(|seed| {
            let disk = SimulatedDisk::default();
            prepare(&disk);
            disk.cut_power(&mut Dice::of(seed, 0));
            disk.disk().read(&path(name)).map_or(Some(false), |content| content.map(|_| true))
        });
        left.collect()
    }

    #[test]
    fn what_was_synced_with_its_folder_is_there_and_what_was_not_may_be_or_not() {
        let synced = |disk: &SimulatedDisk| {
            written(disk, "a");
            disk.disk().sync_folder(Path::new("folder")).expect("synced");
        };
        assert_eq!(after_power_cuts(synced, "a"), BTreeSet::from([Some(true)]));
        assert_eq!(after_power_cuts(|disk| written(disk, "a"), "a"), BTreeSet::from([None, Some(true)]));
        let removed = |disk: &SimulatedDisk| {
            synced(disk);
            disk.disk().remove_unsynced(&path("a")).expect("removed");
        };
        assert_eq!(after_power_cuts(removed, "a"), BTreeSet::from([None, Some(true)]));
        let unsynced = |disk: &SimulatedDisk| {
            disk.disk().replace_unsynced(&path("a"), b"payload").expect("written");
        };
        assert!(after_power_cuts(unsynced, "a").contains(&Some(false)), "torn content is found damaged");
    }

    #[test]
    fn a_process_dies_at_its_operation_and_the_next_one_goes_on() {
        let disk = SimulatedDisk::default();
        written(&disk, "a");
        disk.kill_after(1);
        assert!(disk.disk().replace(&path("a"), b"second").is_err() && disk.is_dead());
        assert!(disk.disk().remove(&path("a")).is_err());
        disk.revive();
        assert_eq!(disk.disk().read(&path("a")).expect("whole").as_deref(), Some(&b"second"[..]), "it died right after the rename");
        disk.kill_after(0);
        assert!(disk.disk().replace(&path("a"), b"third").is_err());
        disk.revive();
        assert_eq!(disk.disk().read(&path("a")).expect("whole").as_deref(), Some(&b"second"[..]));
    }
}
