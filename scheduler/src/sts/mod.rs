//! AWS STS: who the caller is.

mod get_caller_identity;
