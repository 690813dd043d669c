//! Runs `nft` in a namespace, bounded in time. A whole file is one transaction: all of it holds, or none.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::Error;
use super::namespace::Namespace;

/// A rule set of thousands of elements loads within a second; more than this is a hang.
const LIMIT: Duration = Duration::from_secs(30);

/// Applies `ruleset` inside `namespace`, atomically.
pub async fn load(namespace: &Namespace, ruleset: &str) -> Result<(), Error> {
    run(namespace, &["-f", "-"], ruleset).await.map(drop)
}

/// Runs `nft` with these arguments and this input; its standard output.
pub async fn run(namespace: &Namespace, arguments: &'static [&'static str], input: &str) -> Result<Vec<u8>, Error> {
    // The child inherits the namespace of the thread that starts it.
    let child = namespace.run(move || spawn(arguments)).await.map_err(Error::io("start nft (is the package nftables installed?)"))?;
    let output = tokio::time::timeout(LIMIT, finish(child, input.to_owned())).await;
    let output = output.map_err(|_| Error::Timeout("nft"))?.map_err(Error::io("talk to nft"))?;
    if output.status.success() { Ok(output.stdout) } else { Err(Error::Nft(String::from_utf8_lossy(&output.stderr).trim().to_owned())) }
}

fn spawn(arguments: &[&str]) -> io::Result<Child> {
    let mut command = Command::new("nft");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn()
}

async fn finish(mut child: Child, input: String) -> io::Result<std::process::Output> {
    let stdin = child.stdin.take();
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A complaint that made nft close its input early is in its error output.
            drop(stdin.write_all(input.as_bytes()).await);
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    output
}
