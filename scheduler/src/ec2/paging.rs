//! EC2's limits of pages: which requests page, between which bounds, and which list of names excludes it.

use std::ops::RangeInclusive;

use freehold_proto::Action;
use freehold_proto::aws::ec2;

use crate::page::Paged;

macro_rules! paged {
    ($($request:ident, $bounds:expr, $($ids:ident = $word:literal),*;)*) => {$(
        paged!(@one $request, $bounds, [$($ids = $word),*], [dry_run: None,]);
    )*};
    // Some can not be asked to be tried only.
    (without dry runs: $($request:ident, $bounds:expr, $($ids:ident = $word:literal),*;)*) => {$(
        paged!(@one $request, $bounds, [$($ids = $word),*], []);
    )*};
    (@one $request:ident, $bounds:expr, [$($ids:ident = $word:literal),*], [$($dry_run:tt)*]) => {
        impl Paged for ec2::$request {
            const ACTION: &'static str = <Self as Action>::NAME;
            const BOUNDS: RangeInclusive<i32> = $bounds;

            fn max_results(&self) -> Option<i32> {
                self.max_results
            }

            fn next_token(&self) -> Option<&str> {
                self.next_token.as_deref()
            }

            fn ids_given(&self) -> Option<&'static str> {
                [$((self.$ids.is_empty(), $word),)*].into_iter().find(|(none, _)| !none).map(|(_, word): (bool, _)| word)
            }

            fn question(&self) -> Self {
                Self { max_results: None, next_token: None, $($dry_run)* ..self.clone() }
            }
        }
    };
}
paged! {
    without dry runs:
    DescribeVpcClassicLinkDnsSupportRequest, 5..=255, vpc_ids = "vpcIds";
}
paged! {
    DescribeAddressesAttributeRequest, 1..=1000, allocation_ids = "allocationIdSet";
    DescribeDhcpOptionsRequest, 5..=1000, dhcp_options_ids = "dhcpOptionsIdSet";
    DescribeImagesRequest, 1..=1000, image_ids = "imagesSet";
    DescribeInstanceCreditSpecificationsRequest, 5..=1000, instance_ids = "instancesSet";
    DescribeInstanceStatusRequest, 5..=1000, instance_ids = "instancesSet";
    DescribeInstanceTopologyRequest, 1..=100, instance_ids = "instancesSet";
    DescribeInstanceTypeOfferingsRequest, 5..=1000, ;
    DescribeInstanceTypesRequest, 5..=100, instance_types = "instanceTypeSet";
    DescribeInstancesRequest, 5..=1000, instance_ids = "instancesSet";
    DescribeInternetGatewaysRequest, 5..=1000, internet_gateway_ids = "internetGatewayIdSet";
    DescribeLaunchTemplateVersionsRequest, 1..=200, ;
    DescribeLaunchTemplatesRequest, 1..=200, ;
    DescribeManagedPrefixListsRequest, 1..=100, prefix_list_ids = "prefixListIdSet";
    DescribeNatGatewaysRequest, 5..=1000, nat_gateway_ids = "natGatewayIdSet";
    DescribeNetworkAclsRequest, 5..=1000, network_acl_ids = "networkAclIdSet";
    DescribeNetworkInterfacesRequest, 5..=1000, network_interface_ids = "networkInterfaceIdSet";
    DescribePrefixListsRequest, 5..=1000, prefix_list_ids = "prefixListIdSet";
    DescribeRouteTablesRequest, 5..=100, route_table_ids = "routeTableIdSet";
    DescribeSecurityGroupRulesRequest, 5..=1000, security_group_rule_ids = "securityGroupRuleIdSet";
    DescribeSecurityGroupsRequest, 5..=1000, group_ids = "securityGroupIdSet", group_names = "securityGroupSet";
    DescribeStaleSecurityGroupsRequest, 5..=255, ;
    DescribeSubnetsRequest, 5..=1000, subnet_ids = "subnetSet";
    DescribeTagsRequest, 5..=1000, ;
    DescribeVolumesRequest, 5..=1000, volume_ids = "volumeSet";
    DescribeVpcEndpointServicesRequest, 1..=1000, ;
    DescribeVpcEndpointsRequest, 1..=1000, vpc_endpoint_ids = "vpcEndpointIdSet";
    DescribeVpcPeeringConnectionsRequest, 5..=1000, vpc_peering_connection_ids = "vpcPeeringConnectionIdSet";
    DescribeVpcsRequest, 5..=1000, vpc_ids = "vpcSet";
    GetInstanceTypesFromInstanceRequirementsRequest, 1..=1000, ;
    GetManagedPrefixListAssociationsRequest, 5..=255, ;
    GetManagedPrefixListEntriesRequest, 1..=100, ;
    GetSecurityGroupsForVpcRequest, 5..=1000, ;
    GetSubnetCidrReservationsRequest, 5..=1000, ;
}
