//! The credentials in force: swapped by a renewal, picked up by every handshake from then on.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::Credentials;

pub struct Current {
    credentials: RwLock<Arc<Credentials>>,
    renewed: watch::Sender<u64>,
}

impl Current {
    pub fn new(credentials: Credentials) -> Arc<Self> {
        Arc::new(Self { credentials: RwLock::new(Arc::new(credentials)), renewed: watch::Sender::default() })
    }

    pub fn get(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn replace(&self, credentials: Credentials) {
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
        self.renewed.send_modify(|times| *times += 1);
    }

    /// Ticks when others have come into force, for whoever holds something open that would end with the ones before.
    pub fn renewed(&self) -> watch::Receiver<u64> {
        self.renewed.subscribe()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "credentials of {}", self.get().identity)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.get().certified))
    }
}

impl ResolvesClientCert for Current {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.get().certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
