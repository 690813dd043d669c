//! `GetConsoleOutput`: the newest 64 KiB, asked of the instance's host now. `Latest` and not are the same here: there is no older copy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::internal::host::{ConsoleKind, ConsoleRequest};

use super::consoles;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::GetConsoleOutputRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidInstanceIdMalformed, ErrorCode::InvalidInstanceIdNotFound];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetConsoleOutputResult> {
        let row = consoles::instance(ask, &self.instance_id)?;
        let about = ConsoleRequest { kind: ConsoleKind::ConsoleText.into(), ..ConsoleRequest::default() };
        let console = consoles::ask_host(ask, &row, about).await?;
        let timestamp = console.as_ref().and_then(|console| console.timestamp);
        Ok(ec2::GetConsoleOutputResult {
            instance_id: Some(self.instance_id),
            timestamp: Some(timestamp.unwrap_or_else(|| super::message::timestamp(ask.now))),
            output: console.map(|console| STANDARD.encode(&console.output)),
        })
    }
}
