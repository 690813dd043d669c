//! The resolver at the VPC's base address plus two.
//!
//! Owns: sockets inside the namespace, bounded work behind them, and the way to the host's resolvers, which are asked from the host's
//! own namespace. What names of the VPC mean is in `answer`, a pure function.

mod answer;
mod upstream;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};

use super::services::View;
use super::turns::{Turn, Turns};
use answer::Answer;
pub use upstream::resolvers;

/// Questions that one VPC may have in work; more are not heard, and their askers ask again.
const IN_FLIGHT: usize = 256;
const QUESTIONS_PER_CALLER: usize = 64;
/// Connections that one VPC may have open.
const STREAMS: usize = 64;
const STREAMS_PER_CALLER: usize = 8;
/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(10);
/// For a whole connection.
const LIFE: Duration = Duration::from_mins(2);
/// After a connection could not be taken: the process has no descriptor left, and will not have one at once.
const BREATH: Duration = Duration::from_millis(100);
/// A question is far shorter than this.
const LONGEST_QUESTION: usize = 4096;

/// How a question came, and so how it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// Answers questions of one VPC.
#[derive(Clone, Debug)]
pub struct Forwarder {
    view: watch::Receiver<Arc<View>>,
    questions: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    questions_of: Turns,
    streams_of: Turns,
}

impl Forwarder {
    pub fn new(view: watch::Receiver<Arc<View>>) -> Self {
        Self {
            view,
            questions: Arc::new(Semaphore::new(IN_FLIGHT)),
            streams: Arc::new(Semaphore::new(STREAMS)),
            questions_of: Turns::new(QUESTIONS_PER_CALLER),
            streams_of: Turns::new(STREAMS_PER_CALLER),
        }
    }

    /// The answer to `question`, or nothing where it is no question.
    async fn answer(&self, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let view = Arc::clone(&self.view.borrow());
        match answer::answer(question, &view.plan) {
            Answer::Ready(answer) => Some(answer),
            Answer::NotAQuestion => None,
            Answer::Forward(message) => match upstream::ask(question, &view.resolvers, transport).await {
                Some(answer) => Some(answer),
                None => failure(&message),
            },
        }
    }
}

fn failure(question: &Message) -> Option<Vec<u8>> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = ResponseCode::ServFail;
    answer.queries.clone_from(&question.queries);
    answer.to_vec().ok()
}

pub async fn serve_udp(socket: UdpSocket, forwarder: Forwarder) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; LONGEST_QUESTION];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(turn) = turn(&forwarder.questions_of, from) else { continue };
        let Ok(permit) = Arc::clone(&forwarder.questions).try_acquire_owned() else { continue };
        let question = buffer.get(..length).unwrap_or_default().to_vec();
        let (socket, forwarder) = (Arc::clone(&socket), forwarder.clone());
        tokio::spawn(async move {
            if let Some(answer) = forwarder.answer(&question, Transport::Udp).await {
                // The asker may be gone; it is not told.
                drop(socket.send_to(&answer, from).await);
            }
            drop((permit, turn));
        });
    }
}

pub async fn serve_tcp(listener: TcpListener, forwarder: Forwarder) {
    loop {
        let Ok(permit) = Arc::clone(&forwarder.streams).acquire_owned().await else { return };
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let Some(turn) = turn(&forwarder.streams_of, from) else { continue };
        let forwarder = forwarder.clone();
        tokio::spawn(async move {
            // Whatever ends it, the connection is closed.
            drop(tokio::time::timeout(LIFE, converse(stream, &forwarder)).await);
            drop((permit, turn));
        });
    }
}

/// The sockets are IPv4's, and so are all callers.
fn turn(turns: &Turns, caller: SocketAddr) -> Option<Turn> {
    let IpAddr::V4(caller) = caller.ip() else { return None };
    turns.take(caller)
}

async fn converse(mut stream: TcpStream, forwarder: &Forwarder) -> io::Result<()> {
    loop {
        let question = tokio::time::timeout(IDLE, read_framed(&mut stream)).await??;
        let Some(answer) = forwarder.answer(&question, Transport::Tcp).await else { return Ok(()) };
        tokio::time::timeout(IDLE, write_framed(&mut stream, &answer)).await??;
    }
}

/// A message with its length before it, as DNS goes over TCP.
async fn read_framed(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let mut framed = u16::try_from(message.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}
