//! Reading a request's body within its bounds of size and time, and all bodies together within theirs of memory.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use freehold_proto::{ErrorCode, Fault};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many times the limit is still read, and thrown away, so that a client that is sending learns why it is refused: closing on it would
/// reset the connection before it reads the answer.
const DRAIN: usize = 16;

/// What the room is counted in.
const UNIT: usize = 1 << 10;

/// Memory for all bodies that are held at one moment.
pub struct Room(Semaphore);

impl Room {
    pub fn new(bytes: usize) -> Self {
        Self(Semaphore::new(bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS)))
    }

    fn take(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire_many(u32::try_from(bytes.div_ceil(UNIT)).ok()?).ok()
    }
}

/// A whole body, and its share of the room for as long as it is kept.
#[derive(Debug)]
pub struct Held<'r> {
    pub bytes: Bytes,
    _share: SemaphorePermit<'r>,
}

/// The whole body, or why not.
pub async fn read(body: Body, most: usize, within: Duration, room: &Room) -> Result<Held<'_>, Fault> {
    tokio::time::timeout(within, collect(body, most, room)).await.unwrap_or_else(|_| {
        Err(Fault::new(ErrorCode::RequestTimeout, format!("The request's body did not arrive within {} seconds.", within.as_secs())))
    })
}

async fn collect(mut body: Body, most: usize, room: &Room) -> Result<Held<'_>, Fault> {
    let mut whole = BytesMut::new();
    let mut share = room.take(0).ok_or_else(full)?;
    let mut shared = 0;
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault {
            source: Some(Box::new(error)),
            ..Fault::new(ErrorCode::MalformedQueryString, "The request's body ended early or was not framed as HTTP says.")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size <= most {
            // Taken in steps that grow as the buffer does, so that frames of a byte each cost no more than their bytes.
            if size > shared {
                let step = (size - shared).max(whole.len()).min(most - shared);
                share.merge(room.take(step).ok_or_else(full)?);
                shared += step;
            }
            whole.extend_from_slice(&data);
        } else if size > most.saturating_mul(DRAIN) {
            break;
        }
    }
    if size > most {
        return Err(Fault::new(ErrorCode::RequestEntityTooLarge, format!("The request's body is larger than {most} bytes.")));
    }
    Ok(Held { bytes: whole.freeze(), _share: share })
}

fn full() -> Fault {
    Fault::new(ErrorCode::RequestLimitExceeded, "Too many large requests are being received at this moment. Retry.")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_one(size: usize, room: &Room) -> Result<Held<'_>, Fault> {
        read(Body::from(vec![b'a'; size]), 100 << 10, Duration::from_secs(20), room).await
    }

    #[tokio::test]
    async fn all_bodies_together_are_bounded_and_give_their_room_back() {
        let room = Room::new(100 << 10);
        let held = read_one(60 << 10, &room).await.unwrap();
        assert_eq!(held.bytes.len(), 60 << 10);
        assert_eq!(read_one(60 << 10, &room).await.unwrap_err().code, ErrorCode::RequestLimitExceeded);
        assert!(read_one(40 << 10, &room).await.is_ok(), "what fits is taken");
        drop(held);
        assert!(read_one(100 << 10, &room).await.is_ok(), "the room is free again");
    }

    #[tokio::test]
    async fn a_body_too_large_is_told_so_and_keeps_no_room() {
        let room = Room::new(100 << 10);
        for _ in 0..3 {
            assert_eq!(read_one(101 << 10, &room).await.unwrap_err().code, ErrorCode::RequestEntityTooLarge);
        }
        assert_eq!(room.0.available_permits(), 100);
    }
}
