//! Who asks. Made by the gateway from a verified signature, carried as gRPC metadata over a channel that outsiders can not open, never a
//! field of a message.

/// The verified identity and request id that travel with every command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// 12 digits.
    pub account_id: String,
    /// `arn:aws:iam::123456789012:root` or a user's ARN.
    pub principal_arn: String,
    /// EC2's `UserId` of `GetCallerIdentity`.
    pub user_id: String,
    /// A UUID; also the answer's `x-amzn-RequestId`.
    pub request_id: String,
}

/// gRPC metadata keys, one per field of [`Caller`].
pub mod metadata {
    pub const ACCOUNT_ID: &str = "freehold-account-id";
    pub const PRINCIPAL_ARN: &str = "freehold-principal-arn";
    pub const USER_ID: &str = "freehold-user-id";
    pub const REQUEST_ID: &str = "freehold-request-id";
}

impl Caller {
    /// Writes the caller into a request's headers. Values that can not stand in a header are an `InternalError`: all four are ASCII by construction.
    pub fn write(&self, headers: &mut http::HeaderMap) -> Result<(), crate::Fault> {
        for (key, value) in [
            (metadata::ACCOUNT_ID, &self.account_id),
            (metadata::PRINCIPAL_ARN, &self.principal_arn),
            (metadata::USER_ID, &self.user_id),
            (metadata::REQUEST_ID, &self.request_id),
        ] {
            let value = http::HeaderValue::from_str(value).map_err(|error| crate::Fault::internal("caller is not ASCII", error))?;
            headers.insert(key, value);
        }
        Ok(())
    }

    /// Reads the caller back. A command without one was not sent by a gateway.
    pub fn read(headers: &http::HeaderMap) -> Result<Self, crate::Fault> {
        let field = |key: &'static str| {
            headers
                .get(key)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
                .ok_or_else(|| crate::Fault::new(crate::ErrorCode::AuthFailure, format!("The command carries no {key}.")))
        };
        Ok(Self {
            account_id: field(metadata::ACCOUNT_ID)?,
            principal_arn: field(metadata::PRINCIPAL_ARN)?,
            user_id: field(metadata::USER_ID)?,
            request_id: field(metadata::REQUEST_ID)?,
        })
    }
}
