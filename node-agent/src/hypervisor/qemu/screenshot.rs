//! What a guest's display shows: QEMU writes a picture into the guest's folder, from where it is taken.

use std::fs;
use std::io::{self, Read};
use std::time::SystemTime;

use serde_json::json;

use super::folder::GuestFolder;
use super::qmp::QmpError;
use super::{Qemu, host, unanswered};
use crate::hypervisor::screen::{NoPicture, Pixels};
use crate::hypervisor::{Console, DriverError, FaultCode};

const FILE: &str = "screen.ppm";

/// More than the frame buffer of the guest's display can hold, three bytes a pixel.
const LARGEST: u64 = 64 << 20;

/// A key that types nothing.
const KEY: &str = "shift";

impl Qemu {
    /// `None` for a guest that does not run, or was launched without a display.
    pub(super) async fn screen(&self, instance_id: &str, wake_up: bool) -> Result<Option<Console>, DriverError> {
        let folder = self.folder(instance_id);
        if !folder.alive().map_err(host("the guest's lock can not be read"))? {
            return Ok(None);
        }
        let _one_at_a_time = self.screens.lock().await;
        let qmp = self.monitor(instance_id).await.map_err(unanswered)?;
        if wake_up {
            qmp.execute("send-key", json!({ "keys": [{ "type": "qcode", "data": KEY }] })).await.map_err(unanswered)?;
        }
        let dumped = qmp.execute("screendump", json!({ "filename": FILE })).await;
        let picture = take(&folder);
        match dumped {
            Ok(_) => {}
            Err(QmpError::Refused { reason, .. }) => {
                tracing::info!(instance_id, reason, "a display can not be looked at");
                return Ok(None);
            }
            Err(error) => return Err(unanswered(error)),
        }
        let ppm = picture.map_err(host("the display's picture can not be read"))?;
        let encoded = tokio::task::spawn_blocking(move || Pixels::read(&ppm)?.jpeg()).await;
        let encoded = encoded.map_err(|panic| broken(panic.into()))?.map_err(|error: NoPicture| broken(error.into()))?;
        Ok(Some(Console { output: encoded, at: SystemTime::now() }))
    }
}

fn broken(source: Box<dyn std::error::Error + Send + Sync>) -> DriverError {
    DriverError::because(FaultCode::Hypervisor, "the display's picture is unreadable", source)
}

/// Reads the picture and removes it, whatever it is.
fn take(folder: &GuestFolder) -> io::Result<Vec<u8>> {
    let read = folder.open_inside(FILE, false).and_then(|file| {
        let mut picture = Vec::new();
        file.take(LARGEST).read_to_end(&mut picture)?;
        Ok(picture)
    });
    match fs::remove_file(folder.inside(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => read,
    }
}
