//! Why the store refuses or fails, and the gRPC status each reason crosses the seam as.

use std::io;

use tonic::{Code, Status};

use crate::manifest::{BlockHash, ManifestId};

/// `Display` is for the user and never repeats the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("manifest {0} is not in the image store")]
    NoManifest(ManifestId),
    /// The request itself is wrong; sending it again will not help.
    #[error("{0}")]
    Invalid(String),
    /// What is stored is not what was stored. The image has to be imported again, which repairs it.
    #[error("{0}; import the image again to repair it")]
    Damaged(Damage),
    #[error("the image store's file system has no room left: free some space, or lower image_store.reserve_mib")]
    Full,
    #[error("the image store is busy with other transfers; try again later")]
    Busy,
    #[error("{context}")]
    Io {
        context: String,
        #[source]
        source: io::Error,
    },
}

/// What was found damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("block {0} is missing from the image store")]
    BlockMissing(BlockHash),
    #[error("block {0} in the image store is damaged")]
    Block(BlockHash),
    #[error("manifest {0} in the image store is damaged")]
    Manifest(ManifestId),
}

impl Error {
    pub(crate) fn io(context: impl Into<String>, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded {
            return Self::Full;
        }
        Self::Io { context: context.into(), source }
    }

    fn code(&self) -> Code {
        match self {
            Self::NoManifest(_) => Code::NotFound,
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Damaged(_) => Code::DataLoss,
            Self::Full | Self::Busy => Code::ResourceExhausted,
            Self::Io { .. } => Code::Internal,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match &error {
            Error::Damaged(_) | Error::Io { .. } | Error::Full => {
                tracing::error!(error = &error as &dyn std::error::Error, "image store");
            }
            Error::NoManifest(_) | Error::Invalid(_) | Error::Busy => {}
        }
        Self::new(error.code(), error.to_string())
    }
}
