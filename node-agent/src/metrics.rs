//! What the agent counts: guests, launches, looks, the plan, the image cache.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use freehold_link::metrics::{Counters, Gauge, Gauges, Histogram, Latencies, Part, Registry, Unit, latencies, latency};

use crate::image_cache;
use crate::observations::Observations;

#[derive(Debug)]
pub struct Metrics {
    pub attending: Gauge,
    starts: Latencies<1>,
    looks: Histogram,
    plan_writes: Histogram,
    faults: Counters<1>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { attending: Gauge::default(), starts: latencies(), looks: latency(), plan_writes: latency(), faults: Counters::default() }
    }
}

impl Metrics {
    /// One try to start a guest: "started", "preparing" (an image is being fetched), "failed".
    pub fn start(&self, end: &'static str, since: Instant) {
        self.starts.get_or_create(&[("end", end)]).observe(since.elapsed().as_secs_f64());
    }

    /// One look at one instance, with what was done.
    pub fn looked(&self, since: Instant) {
        self.looks.observe(since.elapsed().as_secs_f64());
    }

    /// Statements of the scheduler's, written to this host's disk.
    pub fn plan_written(&self, since: Instant) {
        self.plan_writes.observe(since.elapsed().as_secs_f64());
    }

    /// An act that failed, by the fault's code.
    pub fn fault(&self, code: &'static str) {
        self.faults.get_or_create(&[("code", code)]).inc();
    }

    /// All of it, with what is observed and cached when it is read.
    pub fn part(&self, observations: &Arc<Observations>, images: PathBuf) -> Part {
        let mut registry = Registry::with_prefix("freehold_agent");
        let (guests, cached, cached_bytes) = (Gauges::<1>::default(), Gauge::<i64>::default(), Gauge::<i64>::default());
        registry.register("attending", "1 while the scheduler is attended", self.attending.clone());
        registry.register_with_unit("start", "Tries to start a guest, by how they ended", Unit::Seconds, self.starts.clone());
        registry.register_with_unit("look", "Looks at one instance, with what was done", Unit::Seconds, self.looks.clone());
        registry.register_with_unit("plan_write", "Plans written to this host's disk", Unit::Seconds, self.plan_writes.clone());
        registry.register("faults", "Acts on an instance that failed", self.faults.clone());
        registry.register("guests", "Instances by what is observed of them", guests.clone());
        registry.register("image_cache_images", "Images kept on this host", cached.clone());
        registry.register_with_unit("image_cache", "Room that images on this host take", Unit::Bytes, cached_bytes.clone());
        let observations = Arc::clone(observations);
        Part::new(registry).refreshed(move || {
            for (state, count) in observations.by_state() {
                guests.get_or_create(&[("state", state)]).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
            let (images, cached, cached_bytes) = (images.clone(), cached.clone(), cached_bytes.clone());
            async move {
                // A host without a driver that fetches images has no such folder.
                let held = tokio::task::spawn_blocking(move || image_cache::held(&images)).await;
                let (count, bytes) = held.ok().and_then(Result::ok).unwrap_or_default();
                cached.set(i64::try_from(count).unwrap_or(i64::MAX));
                cached_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        })
    }
}
