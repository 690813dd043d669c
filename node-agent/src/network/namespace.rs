//! Network namespaces: made, entered, listed, removed.
//!
//! Owns: the bind mounts in `/run/netns` and the threads that live inside a namespace. A thread that has entered one never comes
//! back: each piece of work has a thread of its own, which ends with it, so no thread of the runtime is ever in the wrong place.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use tokio::sync::oneshot;

const SELF: &str = "/proc/thread-self/ns/net";

/// A network namespace, kept alive while this value lives.
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<File>,
}

impl Namespace {
    /// The one the calling thread is in.
    pub fn current() -> io::Result<Self> {
        Ok(Self { file: Arc::new(File::open(SELF)?) })
    }

    /// The one at `directory/name`, made first if it is not there.
    pub async fn ensure(directory: &Path, name: &str) -> io::Result<Self> {
        share(directory)?;
        let path = directory.join(name);
        if !is_namespace(&path) {
            on_a_thread(move || create(&path)).await?;
        }
        Ok(Self { file: Arc::new(File::open(directory.join(name))?) })
    }

    /// Tells apart two namespaces of one name.
    pub fn id(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// Whether it is the same as `other`. Sound as both are alive: a number is given again only when nobody has it.
    pub fn is(&self, other: &Self) -> bool {
        matches!((self.id(), other.id()), (Ok(a), Ok(b)) if a == b)
    }

    /// Runs `work` inside, on a thread of its own that has the caller's tokio runtime at hand.
    pub async fn run<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> io::Result<T> + Send + 'static,
    {
        let file = Arc::clone(&self.file);
        on_a_thread(move || {
            setns(file.as_fd(), CloneFlags::CLONE_NEWNET)?;
            work()
        })
        .await
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The names in `directory` that start with `prefix`. No directory: none.
pub fn list(directory: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(prefix) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Takes the name away; the kernel frees the namespace with its last user. Succeeds when there is none.
pub fn remove(directory: &Path, name: &str) -> io::Result<()> {
    let path = directory.join(name);
    match umount2(&path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
        Err(error) => return Err(error.into()),
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

async fn on_a_thread<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name("netns".into()).spawn(move || {
        let _entered = runtime.enter();
        // The receiver is gone only when nobody wants the result any more.
        drop(sender.send(work()));
    })?;
    receiver.await.map_err(|_| io::Error::other("the thread inside the namespace ended early"))?
}

fn create(path: &Path) -> io::Result<()> {
    // A plain file here is what a crash between the two steps left.
    File::options().write(true).create(true).truncate(false).open(path)?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    mount(Some(SELF), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    Ok(())
}

fn is_namespace(path: &Path) -> bool {
    const NSFS_MAGIC: i64 = 0x6e73_6673;
    nix::sys::statfs::statfs(path).is_ok_and(|stat| stat.filesystem_type().0 == NSFS_MAGIC)
}

/// As `ip netns add` does it: the directory is a shared mount, so that other mount namespaces see what comes and goes.
fn share(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let shared = |flags| mount(None::<&str>, directory, None::<&str>, flags, None::<&str>);
    match shared(MsFlags::MS_SHARED | MsFlags::MS_REC) {
        Err(Errno::EINVAL) => {
            mount(Some(directory), directory, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
            Ok(shared(MsFlags::MS_SHARED | MsFlags::MS_REC)?)
        }
        done => Ok(done?),
    }
}
