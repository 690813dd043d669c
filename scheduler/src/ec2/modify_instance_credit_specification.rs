//! `ModifyInstanceCreditSpecification`. Of several instances, those that can be changed are; the answer tells which are not, and why.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::chosen_instances;
use super::cpu_credits;
use super::message::missing;
use crate::engine::Command;
use crate::lifecycle::transition::save;
use crate::store::{Failure, Outcome, Tx};

/// EC2's word for an instance whose type has no credits.
const NOT_SUPPORTED: &str = "InstanceCreditSpecification.NotSupported";

/// What is wrong with one of them, and no reason not to change the others.
const OF_ONE: [ErrorCode; 4] = [
    ErrorCode::IncorrectInstanceState,
    ErrorCode::InvalidInstanceIdMalformed,
    ErrorCode::InvalidInstanceIdNotFound,
    ErrorCode::InvalidParameterCombination,
];

impl Command for ec2::ModifyInstanceCreditSpecificationRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidParameterValue, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyInstanceCreditSpecificationResult> {
        if self.instance_credit_specifications.is_empty() {
            return Err(missing("InstanceCreditSpecification").into());
        }
        let mut answer = ec2::ModifyInstanceCreditSpecificationResult::default();
        for asked in self.instance_credit_specifications {
            let word = asked.cpu_credits.unwrap_or_default();
            match set(tx, &asked.instance_id, &word).await {
                Ok(()) => answer
                    .successful_instance_credit_specifications
                    .push(ec2::SuccessfulInstanceCreditSpecificationItem { instance_id: Some(asked.instance_id) }),
                Err(Failure::Fault(fault)) if OF_ONE.contains(&fault.code) => {
                    answer.unsuccessful_instance_credit_specifications.push(refusal(asked.instance_id, fault));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(answer)
    }
}

async fn set(tx: &mut Tx, instance_id: &str, word: &str) -> Outcome<()> {
    let mut row = chosen_instances::lasting(tx, instance_id).await?;
    let kind = tx.settings().catalogue.get(&row.instance_type);
    // The operator can take types away again; nothing is known of such.
    let kind = kind.ok_or_else(|| {
        let message = format!("The instance type '{}' is not offered any more. Change the type.", row.instance_type);
        Fault::new(ErrorCode::InvalidParameterCombination, message)
    })?;
    row.cpu_credits = Some(cpu_credits::given(kind, word)?);
    save(tx, row).await.map(drop)
}

fn refusal(instance_id: String, fault: Fault) -> ec2::UnsuccessfulInstanceCreditSpecificationItem {
    let code = if fault.code == ErrorCode::InvalidParameterCombination { NOT_SUPPORTED } else { fault.code.as_str() };
    ec2::UnsuccessfulInstanceCreditSpecificationItem {
        instance_id: Some(instance_id),
        error: Some(ec2::UnsuccessfulInstanceCreditSpecificationItemError { code: Some(code.to_owned()), message: Some(fault.message) }),
    }
}
