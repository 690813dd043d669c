//! `GetConsoleOutput`: the newest 64 KiB, asked of the instance's host now. `Latest` and not are the same here: there is no older copy.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::resolve::INSTANCE;
use crate::engine::{Ask, Query};
use crate::lifecycle::step::State;
use crate::store::{Outcome, instance};

impl Query for ec2::GetConsoleOutputRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidInstanceIdMalformed, ErrorCode::InvalidInstanceIdNotFound];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetConsoleOutputResult> {
        INSTANCE.check(&self.instance_id)?;
        let own = |row: &&Arc<instance::Model>| row.account_id == ask.account();
        let row = ask.rows().instances.one(&self.instance_id).filter(own).cloned().ok_or_else(|| INSTANCE.absent(&self.instance_id))?;
        let nothing = ec2::GetConsoleOutputResult {
            instance_id: Some(self.instance_id.clone()),
            timestamp: Some(super::message::timestamp(ask.now)),
            output: None,
        };
        // What a terminated guest wrote went with its disk.
        let Some(host_id) = row.host_id.as_ref().filter(|_| row.state != State::Terminated.as_str()) else {
            return Ok(nothing);
        };
        let console = ask.hosts.console_output(host_id, &self.instance_id, &*ask.entropy).await?;
        if !console.found {
            return Ok(nothing);
        }
        Ok(ec2::GetConsoleOutputResult {
            timestamp: console.timestamp.or(nothing.timestamp),
            output: Some(STANDARD.encode(&console.output)),
            ..nothing
        })
    }
}
