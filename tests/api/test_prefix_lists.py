"""Prefix lists and gateway endpoints by way of the API, from the first entry to the end of both."""

import pytest
from botocore.exceptions import ClientError

S3 = "com.amazonaws.us-east-1.s3"


@pytest.fixture
def vpc(ec2):
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    yield vpc_id
    ec2.delete_vpc(VpcId=vpc_id)


def test_a_list_is_changed_by_versions_and_stays_while_it_is_named(ec2, vpc):
    made = ec2.create_managed_prefix_list(
        PrefixListName="offices", AddressFamily="IPv4", MaxEntries=3, Entries=[{"Cidr": "10.1.2.3/8", "Description": "near"}]
    )["PrefixList"]
    list_id = made["PrefixListId"]
    assert (made["Version"], made["State"]) == (1, "create-complete")
    group_id = ec2.create_security_group(GroupName="web", Description="of a test", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": list_id}]}
    ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[permission])
    (shown,) = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]["IpPermissions"]
    assert (shown["PrefixListIds"], shown["IpRanges"]) == ([{"PrefixListId": list_id}], [])

    change = {"AddEntries": [{"Cidr": "192.0.2.0/24"}], "RemoveEntries": [{"Cidr": "10.0.0.0/8"}]}
    changed = ec2.modify_managed_prefix_list(PrefixListId=list_id, CurrentVersion=1, **change)["PrefixList"]
    assert (changed["Version"], changed["State"]) == (2, "modify-complete")
    with pytest.raises(ClientError, match="PrefixListVersionMismatch"):
        ec2.modify_managed_prefix_list(PrefixListId=list_id, CurrentVersion=1, AddEntries=[{"Cidr": "198.51.100.0/24"}])
    restored = ec2.restore_managed_prefix_list_version(PrefixListId=list_id, PreviousVersion=1, CurrentVersion=2)["PrefixList"]
    assert (restored["Version"], restored["State"]) == (3, "restore-complete")
    assert ec2.get_managed_prefix_list_entries(PrefixListId=list_id)["Entries"] == [{"Cidr": "10.0.0.0/8", "Description": "near"}]

    (named,) = ec2.get_managed_prefix_list_associations(PrefixListId=list_id)["PrefixListAssociations"]
    assert named["ResourceId"] == group_id
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_managed_prefix_list(PrefixListId=list_id)
    ec2.delete_security_group(GroupId=group_id)
    assert ec2.delete_managed_prefix_list(PrefixListId=list_id)["PrefixList"]["State"] == "delete-complete"


def test_an_endpoint_is_a_route_to_the_list_of_its_service(ec2, vpc):
    (service,) = ec2.describe_vpc_endpoint_services(Filters=[{"Name": "service-name", "Values": [S3]}])["ServiceDetails"]
    assert service["ServiceType"] == [{"ServiceType": "Gateway"}]
    (list_of_service,) = ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [S3]}])["PrefixLists"]
    assert list_of_service["Cidrs"] == [], "the operator has said of no addresses"
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=S3, RouteTableIds=[table["RouteTableId"]])["VpcEndpoint"]
    assert (endpoint["State"], endpoint["VpcEndpointType"], endpoint["RouteTableIds"]) == ("available", "Gateway", [table["RouteTableId"]])
    (table,) = ec2.describe_route_tables(RouteTableIds=[table["RouteTableId"]])["RouteTables"]
    made = table["Routes"][1]
    assert (made["DestinationPrefixListId"], made["GatewayId"]) == (list_of_service["PrefixListId"], endpoint["VpcEndpointId"])
    assert (made["State"], made.get("DestinationCidrBlock")) == ("active", None)
    with pytest.raises(ClientError, match="cannot remove VPC endpoint route"):
        ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationPrefixListId=list_of_service["PrefixListId"])
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=S3, VpcEndpointType="Interface")
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])["Unsuccessful"] == []
    (table,) = ec2.describe_route_tables(RouteTableIds=[table["RouteTableId"]])["RouteTables"]
    assert len(table["Routes"]) == 1
