//! Asks the host's resolvers. Bounded: each is given a little time, the first that answers counts.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};

use super::{Transport, read_framed, write_framed};

const PATIENCE: Duration = Duration::from_secs(2);
/// Rounds through the list.
const ROUNDS: usize = 2;
/// At most this many resolvers count, as in resolv.conf.
const RESOLVERS: usize = 3;

/// The raw answer to the raw `question`, with the question's own id.
pub async fn ask(question: &[u8], resolvers: &[SocketAddr], transport: Transport) -> Option<Vec<u8>> {
    for resolver in resolvers.iter().take(RESOLVERS).cycle().take(resolvers.len().min(RESOLVERS) * ROUNDS) {
        let asked = async {
            match transport {
                Transport::Udp => by_udp(question, *resolver).await,
                Transport::Tcp => by_tcp(question, *resolver).await,
            }
        };
        if let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, asked).await {
            return Some(answer);
        }
    }
    None
}

/// A port and an id that nobody can guess, so that nobody else can answer.
async fn by_udp(question: &[u8], resolver: SocketAddr) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if resolver.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(resolver).await?;
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    socket.send(&with_id(question, id)).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..length).unwrap_or_default();
        if answer.len() > 12 && answer.starts_with(&id) {
            return Ok(with_id(answer, own_id(question)));
        }
    }
}

async fn by_tcp(question: &[u8], resolver: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    write_framed(&mut stream, question).await?;
    let answer = read_framed(&mut stream).await?;
    Ok(with_id(&answer, own_id(question)))
}

fn own_id(message: &[u8]) -> [u8; 2] {
    [message.first().copied().unwrap_or_default(), message.get(1).copied().unwrap_or_default()]
}

fn with_id(message: &[u8], id: [u8; 2]) -> Vec<u8> {
    let mut message = message.to_vec();
    for (to, from) in message.iter_mut().zip(id) {
        *to = from;
    }
    message
}

/// The resolvers that a resolv.conf names.
pub fn resolvers(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()).flatten()
    });
    named.filter_map(|address| address.parse().ok()).map(|address| SocketAddr::new(address, 53)).take(RESOLVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_names_resolvers() {
        let text =
            "# nameserver 9.9.9.9\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1\nnameserver nonsense\nnameserver";
        assert_eq!(resolvers(text), ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()]);
    }

    #[tokio::test]
    async fn the_second_resolver_answers_when_the_first_refuses() {
        let good = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = good.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let mut buffer = [0; 512];
            let (length, from) = good.recv_from(&mut buffer).await.unwrap();
            // One that guesses the id wrong is not believed.
            let forged = with_id(&buffer[..length], [buffer[0] ^ 1, buffer[1]]);
            good.send_to(&forged, from).await.unwrap();
            buffer[length - 1] = 0xaa;
            good.send_to(&buffer[..length], from).await.unwrap();
        });
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut question = vec![0; 20];
        question[..2].copy_from_slice(&[0x12, 0x34]);
        let answer = ask(&question, &[closed, address], Transport::Udp).await.unwrap();
        served.await.unwrap();
        assert_eq!((&answer[..2], answer[19]), (&[0x12, 0x34][..], 0xaa));
    }
}
