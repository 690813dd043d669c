//! The operator's door: gRPC over a Unix socket that only root and the cloud's own user can open.

use std::path::Path;
use std::time::Duration;

use freehold_proto::internal::operator::operator_client::OperatorClient;
use tonic::transport::Channel;

use crate::Failure;
use crate::config::Config;

/// Longer than any operator command takes on a healthy machine.
const TIMEOUT: Duration = Duration::from_secs(20);

pub type Operator = OperatorClient<Channel>;

/// A client for the running scheduler.
pub fn connect(config: &Config) -> Operator {
    OperatorClient::new(freehold_link::unix::channel(config.sockets().operator))
}

/// One command, bounded, with a failure that says what to do.
pub async fn call<T>(socket: &Path, command: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>) -> Result<T, Failure> {
    match tokio::time::timeout(TIMEOUT, command).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) if !socket.exists() => {
            tracing::debug!(%status, "operator socket is not there");
            Err(format!("the scheduler does not run ({} is not there); `freehold up` starts it", socket.display()).into())
        }
        Ok(Err(status)) if status.code() == tonic::Code::Unavailable && status.metadata().is_empty() => {
            tracing::debug!(%status, "nobody accepts on the operator socket");
            Err(format!("the scheduler does not answer over {}; `freehold status` says what runs", socket.display()).into())
        }
        Ok(Err(status)) => Err(freehold_proto::Fault::from(status).into()),
        Err(_) => Err(format!("no answer over {} within {} s; `freehold status` says more", socket.display(), TIMEOUT.as_secs()).into()),
    }
}
