use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn part(looked: &Arc<AtomicUsize>) -> Part {
    let mut registry = Registry::with_prefix("test");
    let (seen, times) = (Gauge::<i64>::default(), latencies::<1>());
    registry.register("seen", "Looks", seen.clone());
    registry.register_with_unit("work", "Work", Unit::Seconds, times.clone());
    times.get_or_create(&[("kind", "quick")]).observe(0.002);
    let looked = Arc::clone(looked);
    Part::new(registry).refreshed(move || {
        seen.set(i64::try_from(looked.fetch_add(1, Ordering::SeqCst) + 1).unwrap());
        std::future::ready(())
    })
}

async fn ask(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, line: &str) -> String {
    let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("an answer").unwrap();
    text
}

#[tokio::test]
async fn what_parts_count_is_read_at_their_door_freshly_looked_up() {
    let looked = Arc::new(AtomicUsize::new(0));
    let mut doors = Doors::default();
    let address = Address::try_from("127.0.0.1:0".to_owned()).unwrap();
    doors.show(Some(&address), part(&looked));
    doors.show(None, part(&looked));
    let door = doors.open().await.unwrap().pop().expect("one door");
    let Address::Tcp(at) = door.address().clone() else { panic!("a port") };
    let served = tokio::spawn(door.run(std::future::pending()));
    for look in 1..=2 {
        let text = ask(TcpStream::connect(at).await.unwrap(), "GET /metrics").await;
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("application/openmetrics-text"), "{text}");
        for line in [
            format!("test_seen {look}\n").as_str(),
            "test_work_seconds_bucket{le=\"0.001\",kind=\"quick\"} 0\n",
            "test_work_seconds_bucket{le=\"0.0025\",kind=\"quick\"} 1\n",
            "test_work_seconds_count{kind=\"quick\"} 1\n",
            "process_open_fds ",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
    assert!(ask(TcpStream::connect(at).await.unwrap(), "GET /").await.starts_with("HTTP/1.1 404"));
    assert!(ask(TcpStream::connect(at).await.unwrap(), "POST /metrics").await.starts_with("HTTP/1.1 405"));
    served.abort();
}

#[tokio::test]
async fn a_door_may_be_a_unix_socket_that_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let address = Address::try_from(path.to_str().unwrap().to_owned()).unwrap();
    let door = Door::open(&address, vec![part(&Arc::default())]).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let served = tokio::spawn(door.run(std::future::pending()));
    assert!(ask(UnixStream::connect(&path).await.unwrap(), "GET /metrics").await.contains("test_seen 1\n"));
    assert!(Door::open(&address, Vec::new()).await.is_err(), "a socket that somebody answers on is taken");
    served.abort();
}

#[tokio::test]
async fn what_can_not_be_looked_up_in_time_is_not_told() {
    let address = Address::try_from("127.0.0.1:0".to_owned()).unwrap();
    let stuck = Part::new(Registry::default()).refreshed(std::future::pending);
    let door = Door::open_patient(&address, vec![stuck], Duration::from_millis(20)).await.unwrap();
    let Address::Tcp(at) = door.address().clone() else { panic!("a port") };
    let served = tokio::spawn(door.run(std::future::pending()));
    let text = ask(TcpStream::connect(at).await.unwrap(), "GET /metrics").await;
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    served.abort();
}

#[test]
fn metrics_do_not_leave_the_host() {
    for text in ["127.0.0.1:9273", "[::1]:9273", "/run/freehold/metrics.sock"] {
        assert_eq!(String::from(Address::try_from(text.to_owned()).unwrap()), text);
    }
    for text in ["0.0.0.0:9273", "192.0.2.1:9273", "metrics.sock", "", "localhost:9273", "9273"] {
        assert!(Address::try_from(text.to_owned()).is_err(), "{text}");
    }
}
