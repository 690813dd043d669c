//! What the gateway counts. Actions and codes come from the product's own lists, so no client can make more of them.

use freehold_link::metrics::{Counters, Gauge, Latencies, Part, Registry, Unit, latencies};

/// What an action is called that nobody serves, or that was not read.
pub const NO_ACTION: &str = "none";

/// The limits that refusals are counted by.
const LIMITS: [&str; 6] = ["connections_per_address", "requests", "body_bytes", "bodies_bytes", "body_seconds", "request_seconds"];

/// Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Latencies<2>,
    refused: Counters<1>,
    lookups: Counters<1>,
    pub under_way: Gauge,
    pub connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: latencies(),
            refused: Counters::default(),
            lookups: Counters::default(),
            under_way: Gauge::default(),
            connections: Gauge::default(),
        }
    }
}

impl Metrics {
    /// One request, answered. An empty `code` is success.
    pub fn answered(&self, action: &'static str, code: &'static str, seconds: f64) {
        let code = if code.is_empty() { "ok" } else { code };
        self.requests.get_or_create(&[("action", action), ("code", code)]).observe(seconds);
    }

    /// One request or connection refused, by the name of the limit in `[gateway.limits]`.
    pub fn refused(&self, limit: &'static str) {
        self.refused.get_or_create(&[("limit", limit)]).inc();
    }

    /// One look for a day key: "kept" (no question asked), "found", "absent", "failed".
    pub fn looked_up(&self, outcome: &'static str) {
        self.lookups.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// All of it, with the bounds that it is to be read against.
    pub fn part(&self, limits: &crate::Limits) -> Part {
        let mut registry = Registry::with_prefix("freehold_gateway");
        // A count that is not there before the first refusal could not be seen to rise.
        for limit in LIMITS {
            drop(self.refused.get_or_create(&[("limit", limit)]));
        }
        registry.register_with_unit("request", "From a request's arrival to its answer", Unit::Seconds, self.requests.clone());
        registry.register("refused", "Requests and connections refused by a limit of [gateway.limits]", self.refused.clone());
        registry.register("day_key_lookups", "Looks for who holds an access key; kept: without asking", self.lookups.clone());
        registry.register("requests_under_way", "Requests being answered", self.under_way.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        for (name, help, bound) in [
            ("requests_limit", "Requests that may be answered at once", limits.requests),
            ("connections_limit", "Connections that may be open at once", limits.connections),
        ] {
            let gauge = Gauge::<i64>::default();
            gauge.set(i64::try_from(bound).unwrap_or(i64::MAX));
            registry.register(name, help, gauge);
        }
        Part::new(registry)
    }
}

/// Counts itself in a gauge for as long as it lives.
pub struct Counted(Gauge);

impl Counted {
    pub fn in_gauge(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
