//! Whether the API answers: one unsigned `GET /health`, as a load balancer would ask; over HTTPS with the certificate verified, as clients do.

use std::net::SocketAddr;
use std::time::Duration;

use freehold_link::tls::Visitor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::{operator, trust};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks once. The reason of a failure is for the operator.
pub async fn ask(config: &Config) -> Result<(), String> {
    let (address, url) = (config.api_address(), config.endpoint_url());
    let visitor = match operator::authority(config).await {
        Ok(None) => None,
        Ok(Some(pem)) => {
            Some(Visitor::new(&pem, &trust::clock()).map_err(|error| format!("the API's authority can not be used: {error}"))?)
        }
        Err(error) => return Err(format!("whether the API's certificate is good can not be said: {error}")),
    };
    match tokio::time::timeout(TIMEOUT, request(address, visitor)).await {
        Ok(Ok(status)) if status.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(status)) => Err(format!("{url}/health answers {:?}", status.trim_end())),
        Ok(Err(error)) => Err(format!("nothing answers at {address}: {error}")),
        Err(_) => Err(format!("no answer from {address} within {} s", TIMEOUT.as_secs())),
    }
}

async fn request(address: SocketAddr, visitor: Option<Visitor>) -> std::io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    match visitor {
        None => get(stream, address).await,
        // The certificate is for the address that was asked, or for this machine by its usual name.
        Some(visitor) if address.ip().is_loopback() => get(visitor.connect("localhost".into(), stream).await?, address).await,
        Some(visitor) => get(visitor.connect(address.ip().to_string(), stream).await?, address).await,
    }
}

/// The answer's status line.
async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, address: SocketAddr) -> std::io::Result<String> {
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
