//! `GetCallerIdentity`: what the signature has already proved.

use freehold_proto::ErrorCode;
use freehold_proto::aws::sts::{GetCallerIdentityRequest, GetCallerIdentityResponse};

use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for GetCallerIdentityRequest {
    const ERRORS: &'static [ErrorCode] = &[];

    async fn answer(self, ask: &Ask) -> Outcome<GetCallerIdentityResponse> {
        Ok(GetCallerIdentityResponse {
            user_id: Some(ask.caller.user_id.clone()),
            account: Some(ask.caller.account_id.clone()),
            arn: Some(ask.caller.principal_arn.clone()),
        })
    }
}
