//! Why a request is not believed. What AWS calls each of these differs by service; [`crate::dialect`] says it.

/// A signature that does not hold, with what the client can do about it. Never says which of secret and bytes was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature at all.
    #[error("The request must be signed with AWS Signature Version 4 and a registered access key.")]
    Missing,
    /// Parts are missing, repeated or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// Too old, too new, or a presigned address past its time.
    #[error("{0}")]
    Expired(String),
    /// Signed for another region or day, or without a header that has to be signed.
    #[error("{0}")]
    Scope(String),
    /// No such access key, or a disabled one.
    #[error("The access key id provided does not exist in our records.")]
    UnknownKey,
    /// The session token is missing, foreign, or not one of this key.
    #[error("The security token included in the request is invalid.")]
    Token,
    /// Other bytes, or another secret.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your secret access key and signing method."
    )]
    Mismatch,
}

impl Refusal {
    pub fn incomplete(message: impl Into<String>) -> Self {
        Self::Incomplete(message.into())
    }
}
