//! Whether the API answers: one unsigned `GET /health`, as a load balancer would ask.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks once. The reason of a failure is for the operator.
pub async fn ask(address: SocketAddr) -> Result<(), String> {
    match tokio::time::timeout(TIMEOUT, request(address)).await {
        Ok(Ok(status)) if status.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(status)) => Err(format!("http://{address}/health answers {:?}", status.trim_end())),
        Ok(Err(error)) => Err(format!("nothing answers at {address}: {error}")),
        Err(_) => Err(format!("no answer from {address} within {} s", TIMEOUT.as_secs())),
    }
}

/// The answer's status line.
async fn request(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
