//! The catalogue of instance types: one data file, checked when it is loaded.
//!
//! Figures are AWS's. What a host can really offer is placement's business, not the catalogue's.

use std::collections::BTreeMap;

use serde::Deserialize;

const BUILT_IN: &str = include_str!("../../data/instance-types.toml");

/// One instance type, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    pub name: String,
    pub vcpus: u32,
    pub threads_per_core: u32,
    pub memory_mib: u64,
    pub burstable: bool,
    /// EC2's word: `nitro` or `xen`.
    pub hypervisor: String,
    pub manufacturer: String,
    pub clock_ghz: f64,
    /// EC2's words: `Up to 5 Gigabit`.
    pub network: String,
    pub ebs: Option<EbsFigures>,
    pub interfaces: u32,
    pub addresses_per_interface: u32,
}

impl InstanceType {
    pub fn cores(&self) -> u32 {
        self.vcpus / self.threads_per_core
    }

    /// Only what runs `x86_64` is listed so far.
    pub fn architecture(&self) -> &'static str {
        "x86_64"
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
#[serde(deny_unknown_fields)]
pub struct EbsFigures {
    pub baseline_mbps: u32,
    pub maximum_mbps: u32,
    pub baseline_iops: u32,
    pub maximum_iops: u32,
}

/// Every type there is, by name.
#[derive(Clone, Debug)]
pub struct Catalogue(BTreeMap<String, InstanceType>);

/// Why a catalogue file is not used.
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
    #[serde(rename = "type")]
    types: Vec<Size>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    burstable: bool,
    hypervisor: String,
    manufacturer: String,
    clock_ghz: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    name: String,
    vcpus: u32,
    threads_per_core: u32,
    memory_mib: u64,
    network: String,
    ebs: Option<EbsFigures>,
    interfaces: u32,
    addresses_per_interface: u32,
}

impl Catalogue {
    /// The types that come with Freehold.
    pub fn built_in() -> Result<Self, Unusable> {
        Self::parse(BUILT_IN)
    }

    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let file: File = toml::from_str(text)?;
        let mut types = BTreeMap::new();
        for size in file.types {
            let entry = assemble(&file.family, size)?;
            if let Some(twice) = types.insert(entry.name.clone(), entry) {
                return Err(Unusable::Entry { name: twice.name, why: "is there twice" });
            }
        }
        Ok(Self(types))
    }

    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.0.get(name)
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &InstanceType> {
        self.0.values()
    }
}

fn assemble(families: &BTreeMap<String, Family>, size: Size) -> Result<InstanceType, Unusable> {
    let wrong = |why| Unusable::Entry { name: size.name.clone(), why };
    let (family, _) = size.name.split_once('.').ok_or_else(|| wrong("has no family before a dot"))?;
    let family = families.get(family).ok_or_else(|| wrong("is of a family that is not described"))?;
    if size.vcpus == 0 || size.memory_mib == 0 || size.interfaces == 0 || size.addresses_per_interface == 0 {
        return Err(wrong("has a figure of zero"));
    }
    if size.threads_per_core == 0 || !size.vcpus.is_multiple_of(size.threads_per_core) {
        return Err(wrong("has vCPUs that its threads per core do not divide"));
    }
    if !matches!(family.hypervisor.as_str(), "nitro" | "xen") {
        return Err(wrong("has a hypervisor that is neither nitro nor xen"));
    }
    Ok(InstanceType {
        vcpus: size.vcpus,
        threads_per_core: size.threads_per_core,
        memory_mib: size.memory_mib,
        burstable: family.burstable,
        hypervisor: family.hypervisor.clone(),
        manufacturer: family.manufacturer.clone(),
        clock_ghz: family.clock_ghz,
        network: size.network,
        ebs: size.ebs,
        interfaces: size.interfaces,
        addresses_per_interface: size.addresses_per_interface,
        name: size.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_has_aws_s_figures() {
        let catalogue = Catalogue::built_in().unwrap();
        let micro = catalogue.get("t3.micro").unwrap();
        assert_eq!((micro.vcpus, micro.memory_mib, micro.cores(), micro.burstable), (2, 1024, 1, true));
        let large = catalogue.get("r5.4xlarge").unwrap();
        assert_eq!((large.vcpus, large.memory_mib, large.interfaces, large.addresses_per_interface), (16, 128 * 1024, 8, 30));
        for family in ["t2", "t3", "t3a", "m5", "m6i", "c5", "c6i", "r5"] {
            assert!(catalogue.iter().any(|entry| entry.name.starts_with(&format!("{family}."))), "{family}");
        }
        assert!(catalogue.get("T3.micro").is_none());
    }

    const FAMILY: &str = "[family.x]\nburstable=false\nhypervisor='nitro'\nmanufacturer='Intel'\nclock_ghz=1.0\n";
    const SIZE: &str =
        "[[type]]\nname='x.big'\nvcpus=2\nthreads_per_core=2\nmemory_mib=1\nnetwork='Low'\ninterfaces=1\naddresses_per_interface=1\n";

    #[test]
    fn a_wrong_entry_is_named_with_the_reason() {
        assert!(Catalogue::parse(&format!("{FAMILY}{SIZE}")).is_ok());
        for (from, to, why) in [
            ("x.big", "big", "dot"),
            ("x.big", "y.big", "family"),
            ("memory_mib=1", "memory_mib=0", "zero"),
            ("vcpus=2", "vcpus=3", "divide"),
            ("[[type]]", "[[type]]\nwings=2", "parse"),
        ] {
            let error = Catalogue::parse(&format!("{FAMILY}{}", SIZE.replace(from, to))).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(Catalogue::parse(&format!("{FAMILY}{SIZE}{SIZE}")).unwrap_err().to_string().contains("twice"));
        assert!(Catalogue::parse(&format!("{}{SIZE}", FAMILY.replace("nitro", "kvm"))).unwrap_err().to_string().contains("hypervisor"));
    }
}
