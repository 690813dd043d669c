//! The catalogue of instance types: one data file of AWS's, and the families that the operator adds, checked when they are loaded.
//!
//! Figures are AWS's. What a host can really offer is placement's business, not the catalogue's.

mod cores;
mod family;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use family::Family;

const BUILT_IN: &str = include_str!("../../data/instance-types.toml");

/// One instance type, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    pub name: String,
    pub architecture: Architecture,
    pub vcpus: u32,
    pub threads_per_core: u32,
    /// The counts of cores that may be asked for, in order; the last is what it has.
    pub valid_cores: Vec<u32>,
    pub memory_mib: u64,
    pub burstable: bool,
    /// Of AWS's current generation.
    pub current: bool,
    pub hypervisor: Hypervisor,
    pub manufacturer: Manufacturer,
    pub clock_ghz: f64,
    /// EC2's words: `Up to 5 Gigabit`.
    pub network: String,
    /// Baseline and peak.
    pub gbps: Option<[f64; 2]>,
    pub ebs: Option<EbsFigures>,
    pub interfaces: u32,
    pub addresses_per_interface: u32,
}

/// A choice among EC2's words, as the data file and the answers have them.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}
words! {
    /// What its guests' programs are compiled for.
    Architecture { #[default] X86 = "x86_64", Arm = "arm64", }
}
words! {
    /// What AWS runs it on.
    Hypervisor { #[default] Nitro = "nitro", Xen = "xen", }
}
words! {
    /// Of its processors.
    Manufacturer { #[default] Intel = "Intel", Amd = "AMD", Aws = "AWS", }
}

impl InstanceType {
    pub fn cores(&self) -> u32 {
        self.vcpus / self.threads_per_core
    }

    /// How many threads of each core may be asked for: all, or one.
    pub fn valid_threads_per_core(&self) -> Vec<u32> {
        (1..=self.threads_per_core).collect()
    }

    pub fn architecture(&self) -> &'static str {
        self.architecture.as_str()
    }

    /// How a burstable type spends CPU credits where nobody says otherwise, in EC2's word. None of the others.
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode.html>.
    pub fn default_cpu_credits(&self) -> Option<&'static str> {
        let standard = self.name.starts_with("t2.");
        self.burstable.then_some(if standard { "standard" } else { "unlimited" })
    }

    /// AWS's one free type at a time has been `t2.micro`.
    pub fn free_tier_eligible(&self) -> bool {
        self.name == "t2.micro"
    }
}

/// What an EBS-optimized type can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "[u32; 4]")]
pub struct EbsFigures {
    pub baseline_mbps: u32,
    pub maximum_mbps: u32,
    pub baseline_iops: u32,
    pub maximum_iops: u32,
}

impl From<[u32; 4]> for EbsFigures {
    fn from([baseline_mbps, maximum_mbps, baseline_iops, maximum_iops]: [u32; 4]) -> Self {
        Self { baseline_mbps, maximum_mbps, baseline_iops, maximum_iops }
    }
}

/// Every type there is, by name.
#[derive(Clone, Debug)]
pub struct Catalogue(BTreeMap<String, InstanceType>);

/// Why a catalogue is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("the catalogue of instance types does not parse")]
    Syntax(#[from] toml::de::Error),
    #[error("instance type {name}: {why}")]
    Entry { name: String, why: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    family: BTreeMap<String, Family>,
}

impl Catalogue {
    /// The types that come with Freehold.
    pub fn built_in() -> Result<Self, Unusable> {
        Self::parse(BUILT_IN)
    }

    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let file: File = toml::from_str(text)?;
        Self(BTreeMap::new()).with(&file.family)
    }

    /// These, and those of further families. A name that is taken stays what it is: clients know AWS's by heart.
    pub fn with(mut self, families: &BTreeMap<String, Family>) -> Result<Self, Unusable> {
        for entry in families.iter().flat_map(|(name, family)| family.types(name)) {
            let entry = entry?;
            if self.0.contains_key(&entry.name) {
                return Err(Unusable::Entry { name: entry.name, why: "is there twice; give the family another name" });
            }
            self.0.insert(entry.name.clone(), entry);
        }
        Ok(self)
    }

    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.0.get(name)
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &InstanceType> {
        self.0.values()
    }
}
