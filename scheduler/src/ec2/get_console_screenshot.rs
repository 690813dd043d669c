//! `GetConsoleScreenshot`: what the guest's display shows now.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::aws::ec2;
use freehold_proto::internal::host::{ConsoleKind, ConsoleRequest};
use freehold_proto::{ErrorCode, Fault};

use super::consoles;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::GetConsoleScreenshotRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::UnsupportedOperation,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetConsoleScreenshotResult> {
        let row = consoles::instance(ask, &self.instance_id)?;
        consoles::running(&row)?;
        let wake_up = self.wake_up.unwrap_or_default();
        let about = ConsoleRequest { kind: ConsoleKind::ConsoleScreen.into(), wake_up, ..ConsoleRequest::default() };
        let Some(screen) = consoles::ask_host(ask, &row, about).await? else {
            let message = format!("The instance '{}' has no display. Stop and start it, and it gets one.", row.instance_id);
            return Err(Fault::new(ErrorCode::UnsupportedOperation, message).into());
        };
        Ok(ec2::GetConsoleScreenshotResult { instance_id: Some(self.instance_id), image_data: Some(STANDARD.encode(&screen.output)) })
    }
}
