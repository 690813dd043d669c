//! The form in which families of instance types are written down, here and in the operator's configuration, and what is checked of it.

use serde::Deserialize;

use super::{Architecture, EbsFigures, Hypervisor, InstanceType, Manufacturer, Unusable, cores};

/// What all sizes of a family share, and the sizes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    #[serde(default)]
    architecture: Architecture,
    #[serde(default)]
    burstable: bool,
    #[serde(default = "yes")]
    current: bool,
    hypervisor: Hypervisor,
    manufacturer: Manufacturer,
    clock_ghz: f64,
    #[serde(default = "two")]
    threads_per_core: u32,
    sizes: Vec<Size>,
}

fn yes() -> bool {
    true
}

fn two() -> u32 {
    2
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    #[serde(rename = "size")]
    name: String,
    vcpus: u32,
    memory_mib: u64,
    cores: Option<String>,
    network: String,
    gbps: Option<[f64; 2]>,
    interfaces: u32,
    addresses: u32,
    ebs: Option<EbsFigures>,
}

impl Family {
    /// Its types, or what is wrong with one.
    pub fn types(&self, family: &str) -> impl Iterator<Item = Result<InstanceType, Unusable>> {
        self.sizes.iter().map(move |size| {
            let name = format!("{family}.{}", size.name);
            match self.checked(family, size) {
                Ok(valid_cores) => Ok(self.assemble(size, name, valid_cores)),
                Err(why) => Err(Unusable::Entry { name, why }),
            }
        })
    }

    /// The counts of cores of a size in which nothing is wrong.
    fn checked(&self, family: &str, size: &Size) -> Result<Vec<u32>, &'static str> {
        if !is_word(family) || !is_word(&size.name) {
            return Err("has a name of other characters than lower-case letters, digits and hyphens");
        }
        if size.vcpus == 0 || size.memory_mib == 0 || size.interfaces == 0 || size.addresses == 0 {
            return Err("has a figure of zero");
        }
        if !matches!(self.threads_per_core, 1 | 2) {
            return Err("has neither one nor two threads per core");
        }
        if !size.vcpus.is_multiple_of(self.threads_per_core) {
            return Err("has vCPUs that its threads per core do not divide");
        }
        if !is_speed(self.clock_ghz) || size.gbps.is_some_and(|[baseline, peak]| !is_speed(baseline) || !is_speed(peak) || peak < baseline)
        {
            return Err("has a speed that is not above zero, or a peak below its baseline");
        }
        let has = size.vcpus / self.threads_per_core;
        let valid = size.cores.as_ref().map_or(Some(vec![has]), |text| cores::parse(text)).ok_or("has cores that do not parse")?;
        if valid.last() == Some(&has) { Ok(valid) } else { Err("has cores of which the last are not all that it has") }
    }

    fn assemble(&self, size: &Size, name: String, valid_cores: Vec<u32>) -> InstanceType {
        InstanceType {
            name,
            architecture: self.architecture,
            vcpus: size.vcpus,
            threads_per_core: self.threads_per_core,
            valid_cores,
            memory_mib: size.memory_mib,
            burstable: self.burstable,
            current: self.current,
            hypervisor: self.hypervisor,
            manufacturer: self.manufacturer,
            clock_ghz: self.clock_ghz,
            network: size.network.clone(),
            gbps: size.gbps,
            ebs: size.ebs,
            interfaces: size.interfaces,
            addresses_per_interface: size.addresses,
        }
    }
}

fn is_speed(figure: f64) -> bool {
    figure.is_finite() && figure > 0.0
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
