//! `GetInstanceTypesFromInstanceRequirements`: the names of the types that the hosts offer ([`super::offers`]) and that are as it is asked.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceRequirementsRequest.html>, whose defaults these are. No type
//! is bare metal, hibernates, encrypts what it sends, has disks of its own or accelerators: who requires such gets none.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message::missing;
use super::offers::Offers;
use super::run_instances::invalid;
use crate::engine::{Ask, Query};
use crate::filter::Pattern;
use crate::instance_type::{InstanceType, Manufacturer};
use crate::store::Outcome;

/// EC2's limit of names in one list.
const MOST_NAMES: usize = 400;

impl Query for ec2::GetInstanceTypesFromInstanceRequirementsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetInstanceTypesFromInstanceRequirementsResult> {
        let page = ask.page(&self)?;
        for (given, name) in [(&self.architecture_types, "ArchitectureType"), (&self.virtualization_types, "VirtualizationType")] {
            if given.is_empty() {
                return Err(missing(name).into());
            }
        }
        let required = Required::read(self.instance_requirements.as_ref().ok_or_else(|| missing("InstanceRequirements"))?)?;
        let offers = Offers::of(ask)?;
        let virtualized = self.virtualization_types.iter().any(|word| word == "hvm");
        let runs = |kind: &InstanceType| virtualized && self.architecture_types.iter().any(|word| word == kind.architecture());
        let found = ask.settings.catalogue.iter().filter(|kind| runs(kind) && required.is_met(kind) && offers.in_region(kind));
        let (found, next_token) = page.cut(found.collect(), |kind| &kind.name)?;
        let named = |kind: &InstanceType| ec2::InstanceTypeInfoFromInstanceRequirements { instance_type: Some(kind.name.clone()) };
        Ok(ec2::GetInstanceTypesFromInstanceRequirementsResult { instance_types: found.into_iter().map(named).collect(), next_token })
    }
}

/// From, to.
type Bounds = (Option<f64>, Option<f64>);

/// A figure of a type; None where it has no such.
type Figure = fn(&InstanceType) -> Option<f64>;

/// What is asked, understood.
struct Required {
    figures: Vec<(Figure, Bounds)>,
    /// Of something that no type has more is asked than nothing.
    impossible: bool,
    burstable: Choice,
    manufacturers: Vec<String>,
    generations: Vec<String>,
    allowed: Vec<Pattern>,
    excluded: Vec<Pattern>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Included,
    Required,
    Excluded,
}

impl Choice {
    fn read(name: &str, word: Option<&String>, default: Self) -> Result<Self, Fault> {
        match word.map(String::as_str) {
            None | Some("") => Ok(default),
            Some("included") => Ok(Self::Included),
            Some("required") => Ok(Self::Required),
            Some("excluded") => Ok(Self::Excluded),
            Some(other) => Err(invalid(format!("Value ({other}) for parameter {name} is invalid. Use included, required or excluded."))),
        }
    }

    fn admits(self, has: bool) -> bool {
        match self {
            Self::Included => true,
            Self::Required => has,
            Self::Excluded => !has,
        }
    }
}

/// The bounds in a message of that form, whole numbers or not.
macro_rules! bounds {
    (whole $range:expr) => {
        $range.map_or((None, None), |range| (range.min.map(f64::from), range.max.map(f64::from)))
    };
    (broken $range:expr) => {
        $range.map_or((None, None), |range| (range.min, range.max))
    };
}

impl Required {
    fn read(asked: &ec2::InstanceRequirementsRequest) -> Result<Self, Fault> {
        let vcpus = asked.v_cpu_count.ok_or_else(|| missing("InstanceRequirements.VCpuCount"))?;
        let memory = asked.memory_mi_b.ok_or_else(|| missing("InstanceRequirements.MemoryMiB"))?;
        let figures: [(&str, Figure, Bounds); 9] = [
            ("VCpuCount", |kind| Some(kind.vcpus.into()), (Some(vcpus.min.into()), vcpus.max.map(f64::from))),
            ("MemoryMiB", |kind| Some(mib(kind)), (Some(memory.min.into()), memory.max.map(f64::from))),
            ("MemoryGiBPerVCpu", |kind| Some(mib(kind) / 1024.0 / f64::from(kind.vcpus)), bounds!(broken asked.memory_gi_b_per_v_cpu)),
            ("NetworkInterfaceCount", |kind| Some(kind.interfaces.into()), bounds!(whole asked.network_interface_count)),
            ("NetworkBandwidthGbps", |kind| kind.gbps.map(|[baseline, _]| baseline), bounds!(broken asked.network_bandwidth_gbps)),
            (
                "BaselineEbsBandwidthMbps",
                |kind| kind.ebs.map(|ebs| ebs.baseline_mbps.into()),
                bounds!(whole asked.baseline_ebs_bandwidth_mbps),
            ),
            ("TotalLocalStorageGB", NOTHING, bounds!(broken asked.total_local_storage_gb)),
            ("AcceleratorCount", NOTHING, bounds!(whole asked.accelerator_count)),
            ("AcceleratorTotalMemoryMiB", NOTHING, bounds!(whole asked.accelerator_total_memory_mi_b)),
        ];
        let figures =
            figures.into_iter().map(|(name, figure, bounds)| Ok((figure, checked(name, bounds)?))).collect::<Result<_, Fault>>()?;
        if !asked.allowed_instance_types.is_empty() && !asked.excluded_instance_types.is_empty() {
            let message = "AllowedInstanceTypes and ExcludedInstanceTypes cannot be specified together. Give one of them.";
            return Err(Fault::new(ErrorCode::InvalidParameterCombination, message));
        }
        Ok(Self {
            figures,
            impossible: impossible(asked)?,
            burstable: Choice::read("BurstablePerformance", asked.burstable_performance.as_ref(), Choice::Excluded)?,
            manufacturers: asked.cpu_manufacturers.clone(),
            generations: asked.instance_generations.clone(),
            allowed: patterns("AllowedInstanceType", &asked.allowed_instance_types)?,
            excluded: patterns("ExcludedInstanceType", &asked.excluded_instance_types)?,
        })
    }

    fn is_met(&self, kind: &InstanceType) -> bool {
        let among = |words: &[String], word: &str| words.is_empty() || words.iter().any(|given| given == word);
        let named = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&kind.name));
        !self.impossible
            && self.figures.iter().all(|(figure, bounds)| is_within(figure(kind), *bounds))
            && self.burstable.admits(kind.burstable)
            && among(&self.manufacturers, manufacturer(kind))
            && among(&self.generations, if kind.current { "current" } else { "previous" })
            && (self.allowed.is_empty() || named(&self.allowed))
            && !named(&self.excluded)
    }
}

fn mib(kind: &InstanceType) -> f64 {
    u32::try_from(kind.memory_mib).map_or(f64::INFINITY, f64::from)
}

/// Of what no type has.
const NOTHING: Figure = |_| Some(0.0);

/// In the words of this action, which are not those of DescribeInstanceTypes.
fn manufacturer(kind: &InstanceType) -> &'static str {
    match kind.manufacturer {
        Manufacturer::Intel => "intel",
        Manufacturer::Amd => "amd",
        Manufacturer::Aws => "amazon-web-services",
    }
}

fn impossible(asked: &ec2::InstanceRequirementsRequest) -> Result<bool, Fault> {
    let bare_metal = Choice::read("BareMetal", asked.bare_metal.as_ref(), Choice::Excluded)?;
    let local_storage = Choice::read("LocalStorage", asked.local_storage.as_ref(), Choice::Included)?;
    let lists = [&asked.local_storage_types, &asked.accelerator_types, &asked.accelerator_manufacturers, &asked.accelerator_names];
    Ok(!bare_metal.admits(false)
        || !local_storage.admits(false)
        || asked.require_hibernate_support == Some(true)
        || asked.require_encryption_in_transit == Some(true)
        || lists.into_iter().any(|words| !words.is_empty()))
}

fn checked(name: &str, bounds: Bounds) -> Result<Bounds, Fault> {
    let (min, max) = bounds;
    let refuse = |why: &str| Err(invalid(format!("The range InstanceRequirements.{name} is invalid. {why}")));
    if [min, max].into_iter().flatten().any(|bound| bound.is_nan() || bound < 0.0) {
        return refuse("Give bounds that are not below zero.");
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return refuse("Give a Min that is not above Max.");
    }
    Ok(bounds)
}

/// A type that has no such figure is within no bounds.
fn is_within(figure: Option<f64>, (min, max): Bounds) -> bool {
    match figure {
        Some(figure) => min.is_none_or(|min| min <= figure) && max.is_none_or(|max| figure <= max),
        None => min.is_none_or(|min| min <= 0.0) && max.is_none(),
    }
}

fn patterns(name: &str, words: &[String]) -> Result<Vec<Pattern>, Fault> {
    if words.len() > MOST_NAMES {
        return Err(invalid(format!("InstanceRequirements.{name} takes at most {MOST_NAMES} values.")));
    }
    Ok(words.iter().map(|word| Pattern::compile(word)).collect())
}
