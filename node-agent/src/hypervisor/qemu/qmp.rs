//! QEMU's monitor protocol: commands with answers matched by id, events for whoever listens, over a Unix socket.
//!
//! Every wait is bounded. A connection that broke stays broken; whoever needs one dials again.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TIMEOUT: Duration = Duration::from_secs(10);

/// QEMU's longest answers are some tens of KiB.
const LONGEST_LINE: u64 = 4 << 20;

/// The events after which it is worth to look; a guest can raise many of the others as often as it likes.
const NEWS: [&str; 6] = ["DEVICE_DELETED", "SHUTDOWN", "STOP", "RESUME", "GUEST_PANICKED", "BLOCK_IO_ERROR"];

#[derive(Debug, thiserror::Error)]
pub(super) enum QmpError {
    #[error("the monitor can not be reached")]
    Io(#[from] io::Error),
    #[error("the monitor does not answer")]
    Timeout,
    #[error("the monitor hung up")]
    Closed,
    #[error("the monitor does not speak QMP")]
    Protocol,
    #[error("QEMU refused {command}: {reason}")]
    Refused { command: String, reason: String },
}

type Answers = Arc<Mutex<Option<BTreeMap<u64, oneshot::Sender<Value>>>>>;

/// A connected monitor. Dropping it hangs up.
pub(super) struct Qmp {
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    /// `None` once the monitor hung up.
    answers: Answers,
    last_id: AtomicU64,
    reading: JoinHandle<()>,
}

impl Drop for Qmp {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Qmp {
    /// Dials and negotiates. `on_news` is called when the guest may have become another: at one of [`NEWS`], or when the monitor hung up.
    pub(super) async fn connect(socket: &Path, on_news: impl Fn() + Send + 'static) -> Result<Self, QmpError> {
        let stream = bounded(async { Ok(UnixStream::connect(socket).await?) }).await?;
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let greeting = bounded(read(&mut reader)).await?;
        if greeting.get("QMP").is_none() {
            return Err(QmpError::Protocol);
        }
        let answers: Answers = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let reading = tokio::spawn(listen(reader, Arc::clone(&answers), on_news));
        let qmp = Self { writer: tokio::sync::Mutex::new(writer), answers, last_id: AtomicU64::new(0), reading };
        qmp.execute("qmp_capabilities", json!({})).await?;
        Ok(qmp)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// One command, its `return` value.
    pub(super) async fn execute(&self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        self.execute_with(command, arguments, None).await
    }

    /// The same with a descriptor that goes along (`getfd`).
    pub(super) async fn execute_with(&self, command: &str, arguments: Value, file: Option<OwnedFd>) -> Result<Value, QmpError> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = oneshot::channel();
        match self.answers.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(answers) => drop(answers.insert(id, sender)),
            None => return Err(QmpError::Closed),
        }
        let answered = bounded(async {
            let line = format!("{}\n", json!({ "execute": command, "arguments": arguments, "id": id }));
            write(&mut *self.writer.lock().await, line.as_bytes(), file.as_ref()).await?;
            answer.await.map_err(|_| QmpError::Closed)
        });
        let answered = answered.await;
        if let Some(answers) = self.answers.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            answers.remove(&id);
        }
        result(command, answered?)
    }
}

/// The descriptor goes with the first bytes.
async fn write(writer: &mut OwnedWriteHalf, line: &[u8], file: Option<&OwnedFd>) -> io::Result<()> {
    let Some(file) = file else { return writer.write_all(line).await };
    let stream: &UnixStream = writer.as_ref();
    let sent = stream.async_io(Interest::WRITABLE, || {
        let files = [file.as_raw_fd()];
        let control = [ControlMessage::ScmRights(&files)];
        Ok(sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(line)], &control, MsgFlags::MSG_DONTWAIT, None)?)
    });
    let sent = sent.await?;
    writer.write_all(line.get(sent..).unwrap_or_default()).await
}

fn result(command: &str, mut answer: Value) -> Result<Value, QmpError> {
    match answer.get("error") {
        Some(error) => {
            let reason = error.get("desc").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
            Err(QmpError::Refused { command: command.to_owned(), reason })
        }
        None => Ok(answer.get_mut("return").map(Value::take).unwrap_or_default()),
    }
}

async fn bounded<T>(wait: impl Future<Output = Result<T, QmpError>>) -> Result<T, QmpError> {
    tokio::time::timeout(TIMEOUT, wait).await.map_err(|_| QmpError::Timeout)?
}

async fn read(reader: &mut BufReader<OwnedReadHalf>) -> Result<Value, QmpError> {
    let mut line = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
    match line.last() {
        None => Err(QmpError::Closed),
        Some(b'\n') => serde_json::from_slice(&line).map_err(|_| QmpError::Protocol),
        Some(_) => Err(QmpError::Protocol),
    }
}

async fn listen(mut reader: BufReader<OwnedReadHalf>, answers: Answers, on_news: impl Fn()) {
    while let Ok(message) = read(&mut reader).await {
        if let Some(event) = message.get("event").and_then(Value::as_str) {
            if NEWS.contains(&event) {
                on_news();
            }
        } else if let Some(id) = message.get("id").and_then(Value::as_u64) {
            let waiting = answers.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|answers| answers.remove(&id));
            // Whoever asked may have given up.
            waiting.map(|waiting| waiting.send(message));
        }
    }
    answers.lock().unwrap_or_else(PoisonError::into_inner).take();
    on_news();
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    /// Answers as QEMU does, but the second command before the first, with an event in between.
    async fn monitor(listener: UnixListener) {
        let (stream, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        writer.write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n").await.unwrap();
        let id = |command: &Value| command["id"].clone();
        let negotiation = read(&mut reader).await.unwrap();
        assert_eq!(negotiation["execute"], "qmp_capabilities");
        writer.write_all(format!("{}\n", json!({ "return": {}, "id": id(&negotiation) })).as_bytes()).await.unwrap();
        let (first, second) = (read(&mut reader).await.unwrap(), read(&mut reader).await.unwrap());
        let answers = [
            json!({ "return": { "asked": second["execute"] }, "id": id(&second) }),
            json!({ "event": "RESET", "data": { "guest": true } }),
            json!({ "event": "SHUTDOWN", "data": { "guest": true } }),
            json!({ "error": { "class": "GenericError", "desc": "not today" }, "id": id(&first) }),
        ];
        for answer in answers {
            writer.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn answers_are_matched_by_id_news_are_told_and_a_hang_up_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("qmp.sock");
        let served = tokio::spawn(monitor(UnixListener::bind(&socket).unwrap()));
        let (told, mut events) = tokio::sync::mpsc::unbounded_channel();
        let qmp = Qmp::connect(&socket, move || told.send(()).unwrap_or_default()).await.unwrap();
        let (first, second) = tokio::join!(qmp.execute("stop", json!({})), qmp.execute("query-status", json!({})));
        let refused = first.unwrap_err();
        assert!(matches!(&refused, QmpError::Refused { command, reason } if command == "stop" && reason == "not today"), "{refused}");
        assert_eq!(second.unwrap()["asked"], "query-status");
        served.await.unwrap();
        assert_eq!((events.recv().await, events.recv().await), (Some(()), Some(())), "that it shut down, and that it hung up");
        assert!(qmp.is_closed() && events.recv().await.is_none(), "and nothing of the reset");
        assert!(matches!(qmp.execute("query-status", json!({})).await, Err(QmpError::Closed)));
    }

    #[tokio::test]
    async fn what_is_not_a_monitor_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("qmp.sock");
        assert!(matches!(Qmp::connect(&socket, || {}).await, Err(QmpError::Io(_))));
        let listener = UnixListener::bind(&socket).unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\n").await.unwrap();
        });
        assert!(matches!(Qmp::connect(&socket, || {}).await, Err(QmpError::Protocol)));
        served.await.unwrap();
    }
}
