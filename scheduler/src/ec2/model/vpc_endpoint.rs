//! VPC endpoints, and the services that they lead to.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message::{self, timestamp};
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::Table;
use crate::network::prefix_list::cloud::service_id;
use crate::store::read::endpoints::VpcEndpointView;

pub const FILTERS: Table<Shown<VpcEndpointView>> = Table {
    names: &[
        shown!("ip-address-type" => ip_address_type),
        shown!("service-name" => service_name),
        shown!("service-region" => service_region),
        ("vpc-endpoint-id", |view, say| say(&view.endpoint.vpc_endpoint_id)),
        shown!("vpc-endpoint-state" => state),
        shown!("vpc-endpoint-type" => vpc_endpoint_type),
        ("vpc-id", |view, say| say(&view.endpoint.vpc_id)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

/// The one type there is.
pub const GATEWAY: &str = "Gateway";
const ADDRESS_TYPE: &str = "ipv4";

impl Shows for VpcEndpointView {
    type Message = ec2::VpcEndpoint;

    fn message(&self, settings: &Settings) -> Result<ec2::VpcEndpoint, Fault> {
        let row = &self.endpoint;
        Ok(ec2::VpcEndpoint {
            vpc_endpoint_id: Some(row.vpc_endpoint_id.clone()),
            vpc_endpoint_type: Some(GATEWAY.into()),
            vpc_id: Some(row.vpc_id.clone()),
            service_name: Some(format!("com.amazonaws.{}.{}", settings.region, row.service)),
            service_region: Some(settings.region.clone()),
            state: Some("available".into()),
            policy_document: Some(row.policy_document.clone()),
            route_table_ids: self.route_table_ids.clone(),
            ip_address_type: Some(ADDRESS_TYPE.into()),
            private_dns_enabled: Some(false),
            requester_managed: Some(false),
            creation_timestamp: Some(timestamp(row.created)),
            owner_id: Some(row.account_id.clone()),
            tags: message::tags(&self.tags),
            ..ec2::VpcEndpoint::default()
        })
    }
}

macro_rules! shown_service {
    ($name:literal => $($member:ident).+) => {
        ($name, |service, say| crate::ec2::shown::walk!(say, service, $($member)+))
    };
}

/// Services are the cloud's, and have no tags; the filters are there all the same.
pub const SERVICE_FILTERS: Table<ec2::ServiceDetail> = Table {
    names: &[
        shown_service!("owner" => owner),
        shown_service!("service-name" => service_name),
        shown_service!("service-region" => service_region),
        shown_service!("service-type" => service_type.service_type),
        shown_service!("supported-ip-address-types" => supported_ip_address_types),
    ],
    tags: Some(|_, _| {}),
};

/// The services that there are, by name.
pub fn services(settings: &Settings) -> impl Iterator<Item = ec2::ServiceDetail> {
    let zones: Vec<String> = settings.zones.iter().map(|zone| zone.name.clone()).collect();
    let zone_ids: Vec<String> = settings.zones.iter().map(|zone| zone.id.clone()).collect();
    settings.endpoint_services.iter().map(move |service| ec2::ServiceDetail {
        service_name: Some(service.name.clone()),
        service_id: Some(service_id(&service.word)),
        service_type: vec![ec2::ServiceTypeDetail { service_type: Some(GATEWAY.into()) }],
        service_region: Some(settings.region.clone()),
        availability_zones: zones.clone(),
        availability_zone_ids: zone_ids.clone(),
        owner: Some("amazon".into()),
        base_endpoint_dns_names: vec![format!("{}.{}.amazonaws.com", service.word, settings.region)],
        vpc_endpoint_policy_supported: Some(true),
        acceptance_required: Some(false),
        manages_vpc_endpoints: Some(false),
        supported_ip_address_types: vec![ADDRESS_TYPE.into()],
        ..ec2::ServiceDetail::default()
    })
}
