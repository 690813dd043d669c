//! Runs `nft` in a namespace, bounded in time. A whole file is one transaction: all of it holds, or none.
//!
//! What stands is known without reading it: the kernel counts a namespace's transactions, so that as long as the number is the one that our
//! own last transaction left, the rules are those that it left. Then a difference to them will do.

use std::io;
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::Error;
use super::namespace::Namespace;
use super::plan::ruleset::Ruleset;

/// A rule set of thousands of elements loads within a second; more than this is a hang.
const LIMIT: Duration = Duration::from_secs(30);

/// What our last transaction left.
#[derive(Debug)]
pub struct Standing {
    namespace: Namespace,
    generation: u32,
    ruleset: Arc<Ruleset>,
}

/// Makes `wanted` stand, by the difference to what stands where that is known, in one transaction. What stands from then on, if it is known.
pub async fn bring(namespace: &Namespace, wanted: &Arc<Ruleset>, standing: Option<Standing>) -> Result<Option<Standing>, Error> {
    let before = generation(namespace).await?;
    let same = |standing: &Standing| standing.generation == before && standing.namespace.is(namespace);
    let standing = standing.filter(same);
    match standing.as_ref().and_then(|standing| wanted.since(&standing.ruleset)) {
        Some(nothing) if nothing.is_empty() => return Ok(standing),
        Some(difference) => {
            if let Err(refused) = load(namespace, &difference).await {
                tracing::warn!(%refused, "a difference of rules was refused, so all of them are loaded");
                load(namespace, &wanted.to_string()).await?;
            }
        }
        None => load(namespace, &wanted.to_string()).await?,
    }
    // More than one transaction: one of them was somebody else's.
    let alone = generation(namespace).await? == before.wrapping_add(1);
    Ok(alone.then(|| Standing { namespace: namespace.clone(), generation: before.wrapping_add(1), ruleset: Arc::clone(wanted) }))
}

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

/// The number of the namespace's newest transaction of nftables.
async fn generation(namespace: &Namespace) -> Result<u32, Error> {
    namespace.run(ask_generation).await.map_err(Error::io("read the generation of the rules"))
}

/// `NFT_MSG_GETGEN`, by hand: a header of netlink, one of netfilter, and back comes the attribute `NFTA_GEN_ID`.
fn ask_generation() -> io::Result<u32> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(5))?;
    // Length, kind (subsystem nf_tables, GETGEN), flags (a request); then sequence, port and netfilter's header, which may all be zero.
    let mut question = [20_u32.to_ne_bytes(), [0; 4], [0; 4], [0; 4], [0; 4]].concat();
    question.splice(4..8, [(10_u16 << 8 | 16).to_ne_bytes(), 1_u16.to_ne_bytes()].concat());
    sendto(socket.as_raw_fd(), &question, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0; 256];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    generation_in(answer.get(..length).unwrap_or_default())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the kernel names no generation"))
}

fn generation_in(answer: &[u8]) -> Option<u32> {
    const ID: u16 = 1;
    let mut attributes = answer.get(20..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
        if u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?) == ID {
            return Some(u32::from_be_bytes(attributes.get(4..8)?.try_into().ok()?));
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_is_found_among_the_attributes() {
        let mut answer = vec![0; 20];
        answer.extend([8_u16.to_ne_bytes(), 2_u16.to_ne_bytes()].concat());
        answer.extend(7_u32.to_be_bytes());
        assert_eq!(generation_in(&answer), None);
        answer.extend([8_u16.to_ne_bytes(), 1_u16.to_ne_bytes()].concat());
        answer.extend(70_000_u32.to_be_bytes());
        assert_eq!(generation_in(&answer), Some(70_000));
        assert_eq!(generation_in(&answer[..30]), None);
        assert_eq!(generation_in(&[]), None);
    }
}
