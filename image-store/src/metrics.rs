//! What the image store counts.

use freehold_link::metrics::{Counter, Counters, Gauge, Gauges, Part, Registry, Unit};

use crate::error::{Damage, Error};
use crate::store::ImageStore;
use crate::sweep::Census;

/// Why something could not be done, as [`Metrics::failed`] says it.
const WHYS: [&str; 5] = ["missing", "damaged", "full", "busy", "io"];

/// Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    received: Counters<1>,
    sent: Counter,
    sent_bytes: Counter,
    failures: Counters<1>,
    transfers: Gauges<1>,
    blocks: Gauge,
    bytes: Gauge,
    unreferenced: Gauge,
    unreferenced_bytes: Gauge,
    swept: Counter,
    free: Gauge,
}

/// One transfer under way, for as long as it lives.
pub struct Transfer(Gauge);

impl Drop for Transfer {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// "upload" or "download".
    pub fn transfer(&self, direction: &'static str) -> Transfer {
        let gauge = self.transfers.get_or_create(&[("direction", direction)]).clone();
        gauge.inc();
        Transfer(gauge)
    }

    /// A block that came: "zero" (never stored), "known", "new".
    pub fn received(&self, block: &'static str, bytes: usize) {
        self.received.get_or_create(&[("block", block)]).inc();
        if block == "new" {
            self.blocks.inc();
            self.bytes.inc_by(signed(bytes as u64));
        }
    }

    pub fn sent(&self, bytes: usize) {
        self.sent.inc();
        self.sent_bytes.inc_by(bytes as u64);
    }

    pub fn failed(&self, error: &Error) {
        let why = match error {
            Error::Damaged(Damage::BlockMissing(_)) => "missing",
            Error::Damaged(_) => "damaged",
            Error::Full => "full",
            Error::Busy => "busy",
            Error::Io { .. } => "io",
            Error::NoManifest(_) | Error::Invalid(_) => return,
        };
        self.failures.get_or_create(&[("why", why)]).inc();
    }

    /// What a sweep found and left.
    pub fn counted(&self, census: &Census) {
        self.blocks.set(signed(census.blocks));
        self.bytes.set(signed(census.bytes));
        self.unreferenced.set(signed(census.unreferenced_blocks));
        self.unreferenced_bytes.set(signed(census.unreferenced_bytes));
        self.swept.inc_by(census.removed_blocks);
    }

    pub(crate) fn part(&self, store: &ImageStore) -> Part {
        let mut registry = Registry::with_prefix("freehold_image_store");
        // A count that is not there before the first failure could not be seen to rise.
        for why in WHYS {
            drop(self.failures.get_or_create(&[("why", why)]));
        }
        registry.register("blocks_received", "Blocks of uploads: new, known already, or zeros, which are not kept", self.received.clone());
        registry.register("blocks_sent", "Blocks that hosts fetched", self.sent.clone());
        registry.register_with_unit("sent", "Bytes that hosts fetched", Unit::Bytes, self.sent_bytes.clone());
        registry.register("failures", "What could not be done, by why", self.failures.clone());
        registry.register("transfers_under_way", "Transfers by direction", self.transfers.clone());
        registry.register("blocks", "Blocks kept, as of the last sweep and what came since", self.blocks.clone());
        registry.register_with_unit("blocks", "Bytes kept in blocks", Unit::Bytes, self.bytes.clone());
        registry.register("unreferenced_blocks", "Blocks that no manifest named at the last sweep", self.unreferenced.clone());
        let help = "Bytes in blocks that no manifest named at the last sweep";
        registry.register_with_unit("unreferenced_blocks", help, Unit::Bytes, self.unreferenced_bytes.clone());
        registry.register("swept_blocks", "Blocks that no manifest named for a day, removed", self.swept.clone());
        registry.register_with_unit("free", "Room on the file system", Unit::Bytes, self.free.clone());
        let (metrics, store) = (self.clone(), store.clone());
        Part::new(registry).refreshed(move || {
            let (metrics, store) = (metrics.clone(), store.clone());
            async move {
                let free = tokio::task::spawn_blocking(move || store.free_bytes()).await;
                metrics.free.set(free.map_or(0, |free| signed(free.unwrap_or_default())));
            }
        })
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
