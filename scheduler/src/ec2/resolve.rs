//! Ids in requests: malformed, absent, or somebody else's. The last two are one case by construction: a read is of one account, so that
//! what is another's is as absent as what never was.

use std::collections::HashSet;

use freehold_proto::id::{
    DhcpOptionsId, ElasticAddressAssociationId, ElasticAddressId, ImageId, InstanceId, InternetGatewayId, KeyPairId, LaunchTemplateId,
    NatGatewayId, NetworkAclAssociationId, NetworkAclId, NetworkInterfaceId, PlacementGroupId, PrefixListId, RouteTableAssociationId,
    RouteTableId, SecurityGroupId, SecurityGroupRuleId, SnapshotId, SubnetCidrReservationId, SubnetId, VolumeId, VpcCidrAssociationId,
    VpcEndpointId, VpcId, VpcPeeringConnectionId,
};
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{EntityTrait, PrimaryKeyTrait};

use crate::store::read::Select;
use crate::store::{
    Outcome, Tx, dhcp_options, elastic_address, instance, internet_gateway, nat_gateway, network_acl, network_acl_association,
    network_interface, route_table, route_table_association, security_group, subnet, subnet_cidr_reservation, vpc, vpc_cidr_block,
    vpc_endpoint,
};

/// A kind of resource as EC2 speaks of its ids.
#[derive(Debug)]
pub struct Kind {
    /// EC2's word in `ResourceType`.
    pub resource_type: &'static str,
    pub prefix: &'static str,
    well_formed: fn(&str) -> bool,
    malformed: ErrorCode,
    not_found: ErrorCode,
    noun: &'static str,
}

macro_rules! kind {
    ($id:ident, $resource_type:literal, $malformed:ident, $not_found:ident, $noun:literal) => {
        Kind {
            resource_type: $resource_type,
            prefix: $id::PREFIX,
            well_formed: |text| $id::parse(text).is_ok(),
            malformed: ErrorCode::$malformed,
            not_found: ErrorCode::$not_found,
            noun: $noun,
        }
    };
}

macro_rules! kinds {
    ($($name:ident: $id:ident, $resource_type:literal, $malformed:ident, $not_found:ident, $noun:literal;)*) => {
        $(pub const $name: Kind = kind!($id, $resource_type, $malformed, $not_found, $noun);)*

        /// Every kind there is.
        pub const ALL: &[&Kind] = &[$(&$name,)*];
    };
}
kinds! {
    DHCP_OPTIONS: DhcpOptionsId, "dhcp-options", InvalidDhcpOptionsIdMalformed, InvalidDhcpOptionsIdNotFound, "dhcpOption ID";
    ELASTIC_ADDRESS: ElasticAddressId, "elastic-ip", InvalidAllocationIdMalformed, InvalidAllocationIdNotFound, "allocation ID";
    IMAGE: ImageId, "image", InvalidAmiIdMalformed, InvalidAmiIdNotFound, "image id";
    INSTANCE: InstanceId, "instance", InvalidInstanceIdMalformed, InvalidInstanceIdNotFound, "instance ID";
    INTERNET_GATEWAY: InternetGatewayId, "internet-gateway", InvalidInternetGatewayIdMalformed, InvalidInternetGatewayIdNotFound, "internetGateway ID";
    KEY_PAIR: KeyPairId, "key-pair", InvalidKeyPairNotFound, InvalidKeyPairNotFound, "key pair";
    LAUNCH_TEMPLATE: LaunchTemplateId, "launch-template", InvalidLaunchTemplateIdMalformed, InvalidLaunchTemplateIdNotFound, "launch template ID";
    NAT_GATEWAY: NatGatewayId, "natgateway", NatGatewayMalformed, NatGatewayNotFound, "NAT gateway ID";
    NETWORK_ACL: NetworkAclId, "network-acl", InvalidNetworkAclIdMalformed, InvalidNetworkAclIdNotFound, "networkAcl ID";
    NETWORK_INTERFACE: NetworkInterfaceId, "network-interface", InvalidNetworkInterfaceIdMalformed, InvalidNetworkInterfaceIdNotFound, "networkInterface ID";
    PLACEMENT_GROUP: PlacementGroupId, "placement-group", InvalidPlacementGroupIdMalformed, InvalidPlacementGroupUnknown, "Placement Group";
    PREFIX_LIST: PrefixListId, "prefix-list", InvalidPrefixListIdMalformed, InvalidPrefixListIdNotFound, "prefix list ID";
    ROUTE_TABLE: RouteTableId, "route-table", InvalidRouteTableIdMalformed, InvalidRouteTableIdNotFound, "routeTable ID";
    SECURITY_GROUP: SecurityGroupId, "security-group", InvalidGroupIdMalformed, InvalidGroupNotFound, "security group";
    SECURITY_GROUP_RULE: SecurityGroupRuleId, "security-group-rule", InvalidSecurityGroupRuleIdMalformed, InvalidSecurityGroupRuleIdNotFound, "security group rule ID";
    SNAPSHOT: SnapshotId, "snapshot", InvalidSnapshotIdMalformed, InvalidSnapshotNotFound, "snapshot";
    SUBNET_CIDR_RESERVATION: SubnetCidrReservationId, "subnet-cidr-reservation", InvalidSubnetCidrReservationIdMalformed, InvalidSubnetCidrReservationIdNotFound, "subnet CIDR reservation ID";
    SUBNET: SubnetId, "subnet", InvalidSubnetIdMalformed, InvalidSubnetIdNotFound, "subnet ID";
    VOLUME: VolumeId, "volume", InvalidVolumeIdMalformed, InvalidVolumeNotFound, "volume";
    VPC_ENDPOINT: VpcEndpointId, "vpc-endpoint", InvalidVpcEndpointIdMalformed, InvalidVpcEndpointIdNotFound, "Vpc Endpoint Id";
    VPC: VpcId, "vpc", InvalidVpcIdMalformed, InvalidVpcIdNotFound, "vpc ID";
    VPC_PEERING_CONNECTION: VpcPeeringConnectionId, "vpc-peering-connection", InvalidVpcPeeringConnectionIdMalformed, InvalidVpcPeeringConnectionIdNotFound, "vpcPeeringConnection ID";
}

/// As DescribePrefixLists speaks of the cloud's own lists.
pub const PREFIX_LIST_OF_SERVICE: Kind =
    kind!(PrefixListId, "prefix-list", InvalidPrefixListIdMalformed, InvalidPrefixListIdOfServiceNotFound, "prefix list ID");

/// What has no tags of its own, and so is no `ResourceType`.
pub const VPC_CIDR_ASSOCIATION: Kind = kind!(
    VpcCidrAssociationId,
    "",
    InvalidVpcCidrBlockAssociationIdMalformed,
    InvalidVpcCidrBlockAssociationIdNotFound,
    "vpc CIDR block association ID"
);

/// Likewise.
pub const ROUTE_TABLE_ASSOCIATION: Kind =
    kind!(RouteTableAssociationId, "", InvalidAssociationIdMalformed, InvalidAssociationIdNotFound, "association ID");

/// Which ACL a subnet has.
pub const NETWORK_ACL_ASSOCIATION: Kind =
    kind!(NetworkAclAssociationId, "", InvalidAssociationIdMalformed, InvalidAssociationIdNotFound, "association ID");

/// Where an Elastic IP is.
pub const ELASTIC_ADDRESS_ASSOCIATION: Kind =
    kind!(ElasticAddressAssociationId, "", InvalidAssociationIdMalformed, InvalidAssociationIdNotFound, "association ID");

/// A row of one account.
pub trait Owned {
    fn account_id(&self) -> &str;
}

macro_rules! owned {
    ($($table:ident,)*) => {$(
        impl Owned for $table::Model {
            fn account_id(&self) -> &str {
                &self.account_id
            }
        }
    )*};
}
owned! {
    dhcp_options,
    elastic_address,
    instance,
    internet_gateway,
    nat_gateway,
    network_acl,
    network_interface,
    network_acl_association,
    route_table,
    route_table_association,
    security_group,
    subnet,
    subnet_cidr_reservation,
    vpc,
    vpc_cidr_block,
    vpc_endpoint,
}

impl Kind {
    /// The caller's own row of an id, as the transaction has it.
    pub async fn own<E: EntityTrait>(&self, tx: &Tx, id: &str) -> Outcome<E::Model>
    where
        E::Model: Owned,
        <E::PrimaryKey as PrimaryKeyTrait>::ValueType: From<String>,
    {
        self.check(id)?;
        let row = E::find_by_id(id.to_owned()).one(tx.db()).await?;
        Ok(row.filter(|row| row.account_id() == tx.account()).ok_or_else(|| self.absent(id))?)
    }

    /// Checks the form of one id.
    pub fn check(&self, id: &str) -> Result<(), Fault> {
        if (self.well_formed)(id) {
            return Ok(());
        }
        Err(Fault::new(self.malformed, format!("Invalid id: \"{id}\" (expecting \"{}-...\")", self.prefix)))
    }

    /// What a Describe is about: the ids it names, or everything where it names none.
    pub fn select(&self, ids: &[String]) -> Result<Select, Fault> {
        ids.iter().try_for_each(|id| self.check(id))?;
        if ids.is_empty() { Ok(Select::All) } else { Ok(Select::Ids(ids.to_vec())) }
    }

    pub fn absent(&self, id: &str) -> Fault {
        Fault::new(self.not_found, format!("The {} '{id}' does not exist", self.noun))
    }

    /// Refuses the first of `ids` that was not found.
    pub fn all_found<'a>(&self, ids: &[String], found: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
        let found: HashSet<&str> = found.collect();
        match ids.iter().find(|id| !found.contains(id.as_str())) {
            Some(id) => Err(self.absent(id)),
            None => Ok(()),
        }
    }
}

/// The kind that an id is of, by its prefix.
pub fn kind_of(id: &str) -> Option<&'static Kind> {
    let (prefix, _) = id.rsplit_once('-')?;
    ALL.iter().find(|kind| kind.prefix == prefix).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_by_the_prefix() {
        assert_eq!(kind_of("eni-0123abcd").unwrap().resource_type, "network-interface");
        assert_eq!(kind_of("i-").unwrap().resource_type, "instance");
        for id in ["x-0123abcd", "", "i", "eni-attach-0123abcd"] {
            assert!(kind_of(id).is_none(), "{id}");
        }
    }

    #[test]
    fn the_first_absent_id_is_named() {
        let ids = ["vpc-0123abcd".to_owned(), "vpc-deadbeef".to_owned()];
        let fault = VPC.all_found(&ids, ["vpc-0123abcd"].into_iter()).unwrap_err();
        assert_eq!((fault.code, fault.message.as_str()), (ErrorCode::InvalidVpcIdNotFound, "The vpc ID 'vpc-deadbeef' does not exist"));
        assert_eq!(VPC.select(&["vpc-x".to_owned()]).unwrap_err().code, ErrorCode::InvalidVpcIdMalformed);
    }
}
