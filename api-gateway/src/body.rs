//! Reading a request's body within its bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use freehold_proto::{ErrorCode, Fault};
use http_body_util::BodyExt;

/// How many times the limit is still read, and thrown away, so that a client that is sending learns why it is refused: closing on it would
/// reset the connection before it reads the answer.
const DRAIN: usize = 16;

/// The whole body, or why not.
pub async fn read(body: Body, most: usize, within: Duration) -> Result<Bytes, Fault> {
    tokio::time::timeout(within, collect(body, most)).await.unwrap_or_else(|_| {
        Err(Fault::new(ErrorCode::RequestTimeout, format!("The request's body did not arrive within {} seconds.", within.as_secs())))
    })
}

async fn collect(mut body: Body, most: usize) -> Result<Bytes, Fault> {
    let mut whole = BytesMut::new();
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault {
            source: Some(Box::new(error)),
            ..Fault::new(ErrorCode::MalformedQueryString, "The request's body ended early or was not framed as HTTP says.")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size <= most {
            whole.extend_from_slice(&data);
        } else if size > most.saturating_mul(DRAIN) {
            break;
        }
    }
    if size > most {
        return Err(Fault::new(ErrorCode::RequestEntityTooLarge, format!("The request's body is larger than {most} bytes.")));
    }
    Ok(whole.freeze())
}
