//! The operator's door: gRPC over a Unix socket that only root and the cloud's own user can open.

use std::path::Path;
use std::time::Duration;

use freehold_proto::internal::operator::GetAuthorityRequest;
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

/// The certificate that the API's own is signed with, PEM; `None` where the API is plain HTTP.
pub async fn authority(config: &Config) -> Result<Option<String>, Failure> {
    if !config.gateway.is_https() {
        return Ok(None);
    }
    // A gateway on a host of its own has it from joining, and no scheduler beside it to ask.
    if let Some(own) = crate::trust::credentials(config, freehold_link::identity::Kind::Gateway)? {
        return Ok(Some(own.authority_pem()));
    }
    let socket = config.sockets().operator;
    Ok(Some(call(&socket, connect(config).get_authority(GetAuthorityRequest {})).await?.certificate))
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
