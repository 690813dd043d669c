//! What a client asks, in a form that can be said typed or as a signed Query.

use std::collections::BTreeMap;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Run {
        token: String,
        count: i32,
        terminate_on_shutdown: bool,
        tag: Option<String>,
    },
    Stop {
        id: String,
        force: bool,
    },
    Start {
        id: String,
    },
    Reboot {
        id: String,
    },
    Terminate {
        id: String,
    },
    Tag {
        id: String,
        value: String,
    },
    Untag {
        id: String,
    },
    OpenPort {
        group: String,
        port: i32,
    },
    ClosePort {
        group: String,
        port: i32,
    },
    /// Every instance of the account.
    Describe,
}

/// What an accepted request answered, as far as a client needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub instance_ids: Vec<String>,
    /// The state that the first of them was in before.
    pub previous: Option<String>,
    /// What a Describe shows: the state of each instance, and its tag.
    pub shown: BTreeMap<String, (String, Option<String>)>,
}

/// Why a request was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: String,
    pub message: String,
}

/// The key of the one tag that clients write.
pub const TAG: &str = "Name";

impl Call {
    pub fn action(&self) -> &'static str {
        match self {
            Self::Run { .. } => "RunInstances",
            Self::Stop { .. } => "StopInstances",
            Self::Start { .. } => "StartInstances",
            Self::Reboot { .. } => "RebootInstances",
            Self::Terminate { .. } => "TerminateInstances",
            Self::Tag { .. } => "CreateTags",
            Self::Untag { .. } => "DeleteTags",
            Self::OpenPort { .. } => "AuthorizeSecurityGroupIngress",
            Self::ClosePort { .. } => "RevokeSecurityGroupIngress",
            Self::Describe => "DescribeInstances",
        }
    }
}
