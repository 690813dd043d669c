//! A TLS server of gRPC.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::clock::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use super::peer::{Conversation, Doorkeeper};
use super::{Admits, Current, config};
use crate::BoxError;
use crate::unix::SILENCE;

/// Handshakes under way at once; further connections wait in the kernel's queue.
const HANDSHAKES: usize = 256;

/// After an accept that failed, most likely for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

/// Serves until `shutdown` resolves. `admits` is asked before every call.
pub async fn serve(
    listener: TcpListener,
    routes: tonic::service::Routes,
    admits: Admits,
    current: &Arc<Current>,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), BoxError> {
    let acceptor = TlsAcceptor::from(Arc::new(config::server(current, &clock)?));
    let (connections, incoming) = mpsc::channel(1);
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(SILENCE))
        .http2_keepalive_timeout(Some(SILENCE))
        .layer(tower::layer::layer_fn(move |inner| Doorkeeper { inner, admits }));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = server.add_routes(routes).serve_with_incoming_shutdown(ReceiverStream::new(incoming), async {
        // An error means that the sender is gone, and this future with it.
        let _ = stopped.await;
    });
    let serving = async {
        tokio::select! {
            ended = serving => ended,
            never = accept(listener, acceptor, clock, connections) => match never {},
        }
    };
    Ok(crate::ending::until(shutdown, stop, serving).await?)
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    clock: Arc<dyn Clock>,
    connections: mpsc::Sender<io::Result<Conversation>>,
) -> std::convert::Infallible {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    let mut handshakes = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        while handshakes.try_join_next().is_some() {}
        let (acceptor, clock, connections) = (acceptor.clone(), Arc::clone(&clock), connections.clone());
        handshakes.spawn(async move {
            let _place = place;
            match tokio::time::timeout(config::HANDSHAKE, handshake(stream, acceptor, clock)).await {
                // An error means that the server has ended.
                Ok(Ok(conversation)) => drop(connections.send(Ok(conversation)).await),
                Ok(Err(error)) => tracing::info!(%error, "refused a TLS connection"),
                Err(_) => tracing::info!("a TLS handshake took too long"),
            }
        });
    }
}

async fn handshake(stream: TcpStream, acceptor: TlsAcceptor, clock: Arc<dyn Clock>) -> io::Result<Conversation> {
    // A server's own setting does nothing for streams handed to it, and Nagle's algorithm would stall every small answer.
    stream.set_nodelay(true)?;
    Conversation::new(acceptor.accept(stream).await?, clock)
}
