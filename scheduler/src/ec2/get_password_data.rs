//! `GetPasswordData`: what a Windows guest has encrypted for the holder of its key pair and printed on its serial console. Nobody here can
//! read it. Empty until it is there.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::internal::host::{ConsoleKind, ConsoleRequest};

use super::consoles;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::GetPasswordDataRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidInstanceIdMalformed, ErrorCode::InvalidInstanceIdNotFound];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetPasswordDataResult> {
        let row = consoles::instance(ask, &self.instance_id)?;
        let about = ConsoleRequest { kind: ConsoleKind::ConsolePassword.into(), ..ConsoleRequest::default() };
        let password = consoles::ask_host(ask, &row, about).await?;
        let timestamp = password.as_ref().and_then(|password| password.timestamp);
        Ok(ec2::GetPasswordDataResult {
            instance_id: Some(self.instance_id),
            timestamp: Some(timestamp.unwrap_or_else(|| super::message::timestamp(ask.now))),
            password_data: Some(password.map(|password| String::from_utf8_lossy(&password.output).into_owned()).unwrap_or_default()),
        })
    }
}
