//! What a RunInstances request asks, with EC2's defaults filled in, and refused where it contradicts itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::disks::{self, Mapping};
use super::interfaces::{self, InterfaceAsked};
use crate::Settings;
use crate::ec2::cpu_credits;
use crate::ec2::cpu_options::{self, CpuOptions};
use crate::ec2::hostname;
use crate::ec2::maintenance_options;
use crate::ec2::message::{given_tags, missing};
use crate::ec2::metadata_options::{self, Given};
use crate::ec2::network_interfaces::AddressesAsked;
use crate::ec2::resolve::{INSTANCE, NETWORK_INTERFACE, VOLUME};
use crate::lifecycle::step::ShutdownBehavior;
use crate::store::subnet;
use crate::tags::{TagSpecification, Tags, on_create_of};

/// EC2's limit, before base64.
const MOST_USER_DATA: usize = 16 * 1024;

/// One request launches at most this many.
const MOST_INSTANCES: usize = 1000;

/// A request, understood.
pub struct Asked {
    pub image_id: String,
    pub instance_type: String,
    pub vcpus: i32,
    /// Where they are asked to be others than the type's own.
    pub cpu: Option<CpuOptions>,
    pub memory_mib: i64,
    pub architecture: &'static str,
    pub min_count: usize,
    pub max_count: usize,
    pub key_name: Option<String>,
    /// As sent: base64.
    pub user_data: Option<String>,
    /// The primary one first; there is always that.
    pub interfaces: Vec<InterfaceAsked>,
    pub availability_zone: Option<String>,
    pub placement_group: Option<PlacementGroupAsked>,
    pub group_names: Vec<String>,
    pub mappings: Vec<Mapping>,
    pub shutdown_behavior: ShutdownBehavior,
    pub metadata: metadata_options::Options,
    pub tags: BTreeMap<String, Tags>,
    /// Shown again by every Describe.
    pub client_token: String,
    pub cpu_credits: Option<String>,
    pub disable_api_stop: bool,
    pub disable_api_termination: bool,
    pub monitoring: bool,
    pub hostname: hostname::Given,
    pub auto_recovery: String,
}

/// A placement group, by its id or its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacementGroupAsked {
    pub group_id: Option<String>,
    pub group_name: Option<String>,
    pub partition_number: Option<i32>,
}

impl PlacementGroupAsked {
    /// None where no group is named. Empty ids and names count as absent, as EC2 has it.
    pub fn read(group_id: Option<&String>, group_name: Option<&String>, partition_number: Option<i32>) -> Result<Option<Self>, Fault> {
        match (given(group_id), given(group_name)) {
            (Some(_), Some(_)) => Err(combination("The parameters GroupId and GroupName can not be used together. Give one of them.")),
            (None, None) if partition_number.is_some() => {
                Err(combination("The parameter PartitionNumber needs a placement group of the strategy partition. Give GroupName too."))
            }
            (None, None) => Ok(None),
            (group_id, group_name) => Ok(Some(Self { group_id, group_name, partition_number })),
        }
    }
}

pub fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::InvalidParameterValue, message)
}

pub fn combination(message: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::InvalidParameterCombination, message)
}

/// Empty ids and words count as absent, as EC2 has it.
pub fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

impl Asked {
    pub fn primary(&self) -> &InterfaceAsked {
        // `read` sees to it that there is one.
        &self.interfaces[0]
    }

    /// A subnet gives one by itself to instances with one interface alone.
    pub fn wants_public_address(&self, subnet: &subnet::Model) -> bool {
        let by_itself = subnet.map_public_ip_on_launch && self.interfaces.len() == 1;
        self.primary().associate_public_ip_address.unwrap_or(by_itself)
    }

    pub fn read(request: &ec2::RunInstancesRequest, settings: &Settings) -> Result<Self, Fault> {
        let name = given(request.instance_type.as_ref()).ok_or_else(|| missing("InstanceType"))?;
        let kind = settings.catalogue.get(&name).ok_or_else(|| invalid(format!("Invalid value '{name}' for InstanceType.")))?;
        let (min_count, max_count) = counts(request)?;
        let interfaces = interfaces(request)?;
        let cpu = request.cpu_options.as_ref().map(|given| cpu_options::given(kind, given.core_count, given.threads_per_core));
        let cpu = cpu.transpose()?.flatten();
        if max_count > 1 && interfaces.iter().any(InterfaceAsked::is_particular) {
            let message =
                "A private IP address, and a network interface that is there, can be given to one instance only. Set MaxCount to 1.";
            return Err(combination(message));
        }
        Ok(Self {
            image_id: given(request.image_id.as_ref()).ok_or_else(|| missing("ImageId"))?,
            vcpus: cpu.map_or_else(|| i32::try_from(kind.vcpus).unwrap_or(i32::MAX), CpuOptions::vcpus),
            cpu,
            memory_mib: i64::try_from(kind.memory_mib).unwrap_or(i64::MAX),
            architecture: kind.architecture(),
            instance_type: name,
            min_count,
            max_count,
            key_name: given(request.key_name.as_ref()),
            user_data: request.user_data.as_deref().map(user_data).transpose()?.flatten(),
            interfaces,
            availability_zone: zone(request, settings)?,
            placement_group: placement_group(request)?,
            group_names: request.security_groups.clone(),
            mappings: disks::read(&request.block_device_mappings)?,
            shutdown_behavior: given(request.instance_initiated_shutdown_behavior.as_ref())
                .map_or(Ok(ShutdownBehavior::Stop), |word| shutdown_behavior(&word))?,
            metadata: metadata(request.metadata_options.as_ref())?,
            tags: tags(&request.tag_specifications)?,
            client_token: request.client_token.clone().unwrap_or_default(),
            cpu_credits: request.credit_specification.as_ref().map(|given| cpu_credits::given(kind, &given.cpu_credits)).transpose()?,
            disable_api_stop: request.disable_api_stop.unwrap_or_default(),
            disable_api_termination: request.disable_api_termination.unwrap_or_default(),
            monitoring: request.monitoring.as_ref().is_some_and(|monitoring| monitoring.enabled),
            hostname: hostname(request.private_dns_name_options.as_ref()),
            auto_recovery: maintenance_options::auto_recovery(
                request.maintenance_options.as_ref().and_then(|given| given.auto_recovery.clone()),
                maintenance_options::DEFAULT,
            )?,
        })
    }
}

fn counts(request: &ec2::RunInstancesRequest) -> Result<(usize, usize), Fault> {
    let (min, max) = (request.min_count, request.max_count);
    if min < 1 {
        return Err(invalid(format!("Value ({min}) for parameter minCount is invalid. It must be at least 1.")));
    }
    if max < min {
        return Err(invalid(format!("Value ({max}) for parameter maxCount is invalid. It must not be less than minCount ({min}).")));
    }
    let (min, max) = (usize::try_from(min).unwrap_or_default(), usize::try_from(max).unwrap_or_default());
    if max > MOST_INSTANCES {
        let message = format!("One request launches at most {MOST_INSTANCES} instances. Send several.");
        return Err(Fault::new(ErrorCode::InstanceLimitExceeded, message));
    }
    Ok((min, max))
}

/// Checks user data in base64, of which the empty one is none.
pub fn user_data(text: &str) -> Result<Option<String>, Fault> {
    let raw = STANDARD
        .decode(text)
        .map_err(|_| Fault::new(ErrorCode::InvalidUserDataMalformed, "Invalid BASE64 encoding of user data. Encode it in base64."))?;
    if raw.len() > MOST_USER_DATA {
        return Err(invalid(format!("User data is limited to {MOST_USER_DATA} bytes before it is base64-encoded.")));
    }
    Ok(Some(text.to_owned()).filter(|_| !raw.is_empty()))
}

fn zone(request: &ec2::RunInstancesRequest, settings: &Settings) -> Result<Option<String>, Fault> {
    let Some(placement) = &request.placement else { return Ok(None) };
    match (given(placement.availability_zone.as_ref()), given(placement.availability_zone_id.as_ref())) {
        (Some(_), Some(_)) => {
            Err(combination("The parameters AvailabilityZone and AvailabilityZoneId can not be used together. Give one of them."))
        }
        (Some(zone), None) if settings.zone(&zone).is_none() => Err(invalid(format!("Invalid availability zone: [{zone}]"))),
        (None, Some(id)) => match settings.zones.iter().find(|zone| zone.id == id) {
            Some(zone) => Ok(Some(zone.name.clone())),
            None => Err(invalid(format!("Invalid availability zone-id: [{id}]"))),
        },
        (zone, None) => Ok(zone),
    }
}

fn placement_group(request: &ec2::RunInstancesRequest) -> Result<Option<PlacementGroupAsked>, Fault> {
    let Some(placement) = &request.placement else { return Ok(None) };
    PlacementGroupAsked::read(placement.group_id.as_ref(), placement.group_name.as_ref(), placement.partition_number)
}

pub fn shutdown_behavior(word: &str) -> Result<ShutdownBehavior, Fault> {
    ShutdownBehavior::parse(word).ok_or_else(|| {
        invalid(format!("Value ({word}) for parameter instanceInitiatedShutdownBehavior is invalid. Use stop or terminate."))
    })
}

/// The network part, which a request gives either for the instance or for each of its interfaces.
fn interfaces(request: &ec2::RunInstancesRequest) -> Result<Vec<InterfaceAsked>, Fault> {
    let of_instance = InterfaceAsked {
        subnet_id: given(request.subnet_id.as_ref()),
        group_ids: request.security_group_ids.clone(),
        addresses: AddressesAsked::read(request.private_ip_address.as_ref(), &[], None)?,
        ..InterfaceAsked::default()
    };
    if request.network_interfaces.is_empty() {
        return Ok(vec![of_instance]);
    }
    for (given, what) in [
        (of_instance.subnet_id.is_some(), "subnet ID"),
        (!of_instance.group_ids.is_empty() || !request.security_groups.is_empty(), "security groups"),
        (of_instance.addresses.primary.is_some(), "private IP address"),
    ] {
        if given {
            let message = format!("Network interfaces and an instance-level {what} may not be specified on the same request");
            return Err(combination(message));
        }
    }
    interfaces::read(&request.network_interfaces)
}

fn metadata(given: Option<&ec2::InstanceMetadataOptionsRequest>) -> Result<metadata_options::Options, Fault> {
    let given = given.cloned().unwrap_or_default();
    metadata_options::Options::default().with(Given {
        http_tokens: given.http_tokens,
        http_endpoint: given.http_endpoint,
        http_put_response_hop_limit: given.http_put_response_hop_limit,
        instance_metadata_tags: given.instance_metadata_tags,
    })
}

fn hostname(given: Option<&ec2::PrivateDnsNameOptionsRequest>) -> hostname::Given {
    let given = given.cloned().unwrap_or_default();
    hostname::Given {
        parameter: "HostnameType",
        hostname_type: given.hostname_type,
        resource_name_dns_a_record: given.enable_resource_name_dns_a_record,
    }
}

fn tags(specifications: &[ec2::TagSpecification]) -> Result<BTreeMap<String, Tags>, Fault> {
    let types = [INSTANCE.resource_type, VOLUME.resource_type, NETWORK_INTERFACE.resource_type];
    let specifications = specifications
        .iter()
        .map(|given| TagSpecification { resource_type: given.resource_type.as_deref(), tags: given_tags(&given.tags).collect() });
    on_create_of(&types, specifications)
}
