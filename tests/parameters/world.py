"""A cloud as one account sees it, for entries of the table: makes what they need, and remembers which parameters were really sent."""

import sqlite3
import sys
import uuid
from collections import defaultdict
from contextlib import closing
from functools import cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cloud import wait_until  # noqa: E402
from table import without_numbers  # noqa: E402

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}"
QUICK = {"Delay": 0.2, "MaxAttempts": 300}


class World:
    def __init__(self, cloud, account):
        self.cloud, self.account = cloud, account
        # What is out of AWS's bounds is for the cloud to refuse, not for botocore.
        self.ec2 = account.client("ec2", parameter_validation=False)
        self.sent = defaultdict(set)
        self.ec2.meta.events.register("before-call.ec2", self._remember)
        self.launched = []
        self.kept = []
        self._block = 0
        # Addresses that tests name are drawn for nobody else.
        for subnet in self.subnets:
            named = subnet["CidrBlock"].split("/")[0].rsplit(".", 1)[0] + ".192/27"
            self.ec2.create_subnet_cidr_reservation(SubnetId=subnet["SubnetId"], Cidr=named, ReservationType="explicit")

    def _remember(self, model, params, **_):
        self.sent[model.name].update(without_numbers(name) for name in params["body"])

    @staticmethod
    def unique(prefix):
        return f"{prefix}-{uuid.uuid4().hex[:12]}"

    # Instances

    @cached_property
    def image(self):
        return self.cloud.ami()

    def run(self, **parameters):
        """RunInstances with what it must have; the instances are ended with the world."""
        answer = self.ec2.run_instances(**{"ImageId": self.image, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1} | parameters)
        self.launched += [instance["InstanceId"] for instance in answer["Instances"]]
        return answer["Instances"]

    def launch(self, **parameters):
        """One instance of its own, running, as DescribeInstances has it."""
        (instance,) = self.run(**parameters)
        self.wait("running", instance["InstanceId"])
        return self.instance(instance["InstanceId"])

    def wait(self, state, *ids):
        self.ec2.get_waiter(f"instance_{state}").wait(InstanceIds=ids, WaiterConfig=QUICK)

    def instance(self, instance_id):
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def state(self, instance_id):
        return self.instance(instance_id)["State"]["Name"]

    @cached_property
    def pair(self):
        """Two running instances that stay."""
        pair = self.launch(), self.launch()
        self.kept += [instance["InstanceId"] for instance in pair]
        return pair

    def stopped(self):
        instance_id = self.launch()["InstanceId"]
        self.ec2.stop_instances(InstanceIds=[instance_id])
        self.wait("stopped", instance_id)
        return instance_id

    # What else there is

    def key(self, **parameters):
        return self.ec2.create_key_pair(KeyName=self.unique("key"), **parameters)

    @cached_property
    def keys(self):
        """Two key pairs that stay."""
        return self.key(), self.key()

    def placement_group(self, **parameters):
        asked = {"GroupName": self.unique("group"), "Strategy": "spread"} | parameters
        return self.ec2.create_placement_group(**asked)["PlacementGroup"]

    @cached_property
    def placement_groups(self):
        """Two placement groups that stay."""
        return self.placement_group(), self.placement_group(Strategy="cluster")

    @cached_property
    def vpc(self):
        return self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]

    @property
    def subnets(self):
        """The default VPC's, as they are by now: some tests have other ones made."""
        of_default = self.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [self.vpc["VpcId"]]}])["Subnets"]
        return sorted(of_default, key=lambda subnet: subnet["AvailabilityZone"])

    @cached_property
    def subnet(self):
        """The subnet in which this host can run instances."""
        return next(subnet for subnet in self.subnets if subnet["SubnetId"] == self.pair[0]["SubnetId"])

    @cached_property
    def group(self):
        return self.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]

    def new_vpc(self, block="10.0.0.0/16", **parameters):
        return self.ec2.create_vpc(CidrBlock=block, **parameters)["Vpc"]

    @cached_property
    def vpcs(self):
        """Six VPCs that stay, so that there is more than a page of them and of what each has."""
        return [self.new_vpc() for _ in range(6)]

    @cached_property
    def other_vpc(self):
        """A VPC that stays, for subnets."""
        return self.vpcs[0]

    def new_subnet(self, **parameters):
        """A subnet of its own, in the next free block of that VPC."""
        return self.ec2.create_subnet(**{"VpcId": self.other_vpc["VpcId"], "CidrBlock": self.free_block()} | parameters)["Subnet"]

    @cached_property
    def other_subnet(self):
        """A subnet that stays, for interfaces."""
        return self.new_subnet()

    def new_interface(self, **parameters):
        return self.ec2.create_network_interface(**{"SubnetId": self.other_subnet["SubnetId"]} | parameters)["NetworkInterface"]

    def free_address(self):
        """An address of that subnet that no interface has."""
        pages = self.ec2.get_paginator("describe_network_interfaces").paginate(Filters=[{"Name": "subnet-id", "Values": [self.other_subnet["SubnetId"]]}])
        interfaces = [interface for page in pages for interface in page["NetworkInterfaces"]]
        taken = {address["PrivateIpAddress"] for interface in interfaces for address in interface["PrivateIpAddresses"]}
        all_there_are = (self.other_subnet["CidrBlock"].replace("0/24", str(number)) for number in range(4, 255))
        return next(address for address in all_there_are if address not in taken)

    def free_block(self):
        """A block that no subnet of that VPC has."""
        self._block += 1
        return f"10.0.{self._block}.0/24"

    @cached_property
    def many_subnets(self):
        return [self.new_subnet() for _ in range(4)]

    def without_default_subnet(self, zone="us-east-1c"):
        """A zone whose default subnet is deleted, where there is one."""
        for subnet in self.subnets_of(self.vpc["VpcId"]):
            if subnet["AvailabilityZone"] == zone and subnet["DefaultForAz"]:
                self.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        return zone

    def without_default_vpc(self):
        """Another account, which has deleted all that it began with."""
        ec2 = self.cloud.create_account(self.unique("bare")).client("ec2")
        ec2.meta.events.register("before-call.ec2", self._remember)
        for subnet in ec2.describe_subnets()["Subnets"]:
            ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
            gateway_id, vpc_id = gateway["InternetGatewayId"], gateway["Attachments"][0]["VpcId"]
            ec2.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
            ec2.delete_internet_gateway(InternetGatewayId=gateway_id)
        for vpc in ec2.describe_vpcs()["Vpcs"]:
            ec2.delete_vpc(VpcId=vpc["VpcId"])
        return ec2

    def new_gateway(self, **parameters):
        return self.ec2.create_internet_gateway(**parameters)["InternetGateway"]

    def attached_gateway(self):
        pair = {"InternetGatewayId": self.new_gateway()["InternetGatewayId"], "VpcId": self.new_vpc()["VpcId"]}
        self.ec2.attach_internet_gateway(**pair)
        return pair

    def new_address(self, **parameters):
        return self.ec2.allocate_address(**parameters)

    @cached_property
    def addresses(self):
        """Two Elastic IPs that stay."""
        return [self.new_address(), self.new_address()]

    def new_nat(self, **parameters):
        """A NAT gateway of its own, a private one unless it is given an address."""
        kind = {} if "AllocationId" in parameters or "ConnectivityType" in parameters else {"ConnectivityType": "private"}
        return self.ec2.create_nat_gateway(**{"SubnetId": self.subnet["SubnetId"]} | kind | parameters)["NatGateway"]

    def settled_nat(self, **parameters):
        """A NAT gateway that is available, so that its addresses can change; and what it has beside its primary one."""
        nat_id = self.new_nat(**parameters)["NatGatewayId"]
        self.ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat_id], WaiterConfig=QUICK)
        return nat_id, self.secondary_of(nat_id)

    def secondary_of(self, nat_id):
        (gateway,) = self.ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"]
        return [address for address in gateway["NatGatewayAddresses"] if not address["IsPrimary"]]

    def public_nat(self, secondary=0):
        more = {"SecondaryAllocationIds": [self.new_address()["AllocationId"] for _ in range(secondary)]} if secondary else {}
        return self.settled_nat(AllocationId=self.new_address()["AllocationId"], **more)

    def associated_nat(self):
        nat_id, (one,) = self.public_nat(1)
        return {"NatGatewayId": nat_id, "AssociationIds": [one["AssociationId"]]}

    def assigned_nat(self):
        nat_id, (one,) = self.settled_nat(SecondaryPrivateIpAddressCount=1)
        return {"NatGatewayId": nat_id, "PrivateIpAddresses": [one["PrivateIp"]]}

    def to_associate(self):
        return {"NatGatewayId": self.public_nat()[0], "AllocationIds": [self.new_address()["AllocationId"]]}

    @cached_property
    def nats(self):
        """More NAT gateways than fit on the smallest page, all available."""
        made = [self.new_nat() for _ in range(6)]
        self.ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[one["NatGatewayId"] for one in made], WaiterConfig=QUICK)
        return made

    def to_peer(self):
        """Two VPCs of their own that do not overlap."""
        return {"VpcId": self.new_vpc("10.70.0.0/16")["VpcId"], "PeerVpcId": self.new_vpc("10.71.0.0/16")["VpcId"]}

    def new_peering(self, **parameters):
        return self.ec2.create_vpc_peering_connection(**self.to_peer() | parameters)["VpcPeeringConnection"]

    def active_peering(self):
        peering = {"VpcPeeringConnectionId": self.new_peering()["VpcPeeringConnectionId"]}
        self.ec2.accept_vpc_peering_connection(**peering)
        return peering

    @cached_property
    def peerings(self):
        """More than fit on the smallest page."""
        return [self.new_peering()["VpcPeeringConnectionId"] for _ in range(6)]

    @cached_property
    def default_peerings(self):
        """Two of the default VPC."""
        peers = [self.new_vpc(f"10.7{n}.0.0/16")["VpcId"] for n in range(2)]
        made = [self.ec2.create_vpc_peering_connection(VpcId=self.vpc["VpcId"], PeerVpcId=peer) for peer in peers]
        return [one["VpcPeeringConnection"]["VpcPeeringConnectionId"] for one in made]

    @cached_property
    def peered_groups(self):
        """A group, and one of the peer's with the way there."""
        both = self.to_peer()
        peering = self.ec2.create_vpc_peering_connection(**both)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        own, foreign = (self.new_group(VpcId=vpc_id) for vpc_id in both.values())
        return own, {"GroupId": foreign, "VpcId": both["PeerVpcId"], "VpcPeeringConnectionId": peering}

    def new_list(self, **parameters):
        """A prefix list of its own, with room for ten entries."""
        asked = {"PrefixListName": self.unique("list"), "AddressFamily": "IPv4", "MaxEntries": 10}
        return self.ec2.create_managed_prefix_list(**asked | parameters)["PrefixList"]

    @cached_property
    def lists(self):
        """Six prefix lists that stay."""
        return [self.new_list() for _ in range(6)]

    @cached_property
    def long_list(self):
        """One with more entries than fit on the smallest page."""
        return self.new_list(Entries=[{"Cidr": f"10.{n}.0.0/16"} for n in range(6)])

    @cached_property
    def named_list(self):
        """One that more groups name than fit on the smallest page."""
        made = self.new_list(MaxEntries=1)
        for _ in range(6):
            self.new_rule(IpRanges=[], PrefixListIds=[{"PrefixListId": made["PrefixListId"]}])
        return made

    def new_endpoint(self, **parameters):
        """A gateway endpoint of its own, which no table leads to."""
        asked = {"VpcId": self.other_vpc["VpcId"], "ServiceName": "com.amazonaws.us-east-1.s3"}
        return self.ec2.create_vpc_endpoint(**asked | parameters)["VpcEndpoint"]

    @cached_property
    def endpoints(self):
        """Six endpoints that stay."""
        return [self.new_endpoint() for _ in range(6)]

    def address_and_interface(self):
        """An address, and the interface of an instance of its own."""
        interface = self.launch()["NetworkInterfaces"][0]["NetworkInterfaceId"]
        return {"AllocationId": self.new_address()["AllocationId"], "NetworkInterfaceId": interface}

    def associated_address(self):
        """An address and its association with an instance of its own."""
        asked = self.address_and_interface()
        return asked["AllocationId"], self.ec2.associate_address(**asked)["AssociationId"]

    def address(self, allocation_id):
        return self.ec2.describe_addresses(AllocationIds=[allocation_id])["Addresses"][0]

    def new_table(self, **parameters):
        return self.ec2.create_route_table(**{"VpcId": self.other_vpc["VpcId"]} | parameters)["RouteTable"]

    def unassociated(self):
        """A table and a subnet that has none of its own."""
        return {"RouteTableId": self.new_table()["RouteTableId"], "SubnetId": self.new_subnet()["SubnetId"]}

    def associated(self):
        return self.ec2.associate_route_table(**self.unassociated())["AssociationId"]

    def reassociated(self):
        """An association and another table for it."""
        return {"AssociationId": self.associated(), "RouteTableId": self.new_table()["RouteTableId"]}

    @cached_property
    def own_gateway(self):
        """The default VPC's."""
        attached = [{"Name": "attachment.vpc-id", "Values": [self.vpc["VpcId"]]}]
        return self.ec2.describe_internet_gateways(Filters=attached)["InternetGateways"][0]["InternetGatewayId"]

    def unrouted(self):
        """A route that a new table of the default VPC can have."""
        table = self.new_table(VpcId=self.vpc["VpcId"])
        return {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "10.9.0.0/16", "GatewayId": self.own_gateway}

    def routed(self):
        """A table and the destination of a route that it has."""
        asked = self.unrouted()
        self.ec2.create_route(**asked)
        return {name: asked[name] for name in ("RouteTableId", "DestinationCidrBlock")}

    @cached_property
    def gateways(self):
        """Six internet gateways that stay."""
        return [self.new_gateway() for _ in range(6)]

    def new_group(self, **parameters):
        """The id of a security group of its own, in a VPC that is not the default one."""
        asked = {"GroupName": self.unique("group"), "Description": "of a test", "VpcId": self.other_vpc["VpcId"]}
        return self.ec2.create_security_group(**asked | parameters)["GroupId"]

    def unattached(self, **parameters):
        """What attaches an interface of its own to an instance of its own."""
        instance = self.launch()
        made = self.ec2.create_network_interface(SubnetId=instance["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
        return {"NetworkInterfaceId": made, "InstanceId": instance["InstanceId"], "DeviceIndex": 1} | parameters

    def new_attachment(self):
        return self.ec2.attach_network_interface(**self.unattached())["AttachmentId"]

    def new_options(self, key="ntp-servers", value="192.0.2.1", **parameters):
        """The id of a set of DHCP options of its own."""
        configurations = [{"Key": key, "Values": [value]}]
        return self.ec2.create_dhcp_options(DhcpConfigurations=configurations, **parameters)["DhcpOptions"]["DhcpOptionsId"]

    def options(self, set_id):
        (found,) = self.ec2.describe_dhcp_options(DhcpOptionsIds=[set_id])["DhcpOptions"]
        return found

    def new_acl(self, **parameters):
        """The id of a network ACL of its own."""
        return self.ec2.create_network_acl(**{"VpcId": self.other_vpc["VpcId"]} | parameters)["NetworkAcl"]["NetworkAclId"]

    def new_acl_association(self):
        """The id of the association of a subnet of its own with the default ACL."""
        return self.acl_associations(self.new_subnet()["SubnetId"])[0]["NetworkAclAssociationId"]

    def acl_associations(self, subnet_id):
        acls = self.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet_id]}])["NetworkAcls"]
        return [one for acl in acls for one in acl["Associations"] if one["SubnetId"] == subnet_id]

    def new_rule(self, method="authorize_security_group_ingress", **permission):
        """The group and the id of a rule in a group of its own."""
        group_id = self.new_group()
        asked = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]} | permission
        made = getattr(self.ec2, method)(GroupId=group_id, IpPermissions=[asked])["SecurityGroupRules"]
        return group_id, made[0]["SecurityGroupRuleId"]

    def rules_in(self, group_id):
        return self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group_id]}])["SecurityGroupRules"]

    @cached_property
    def some_rules(self):
        """Rules that stay, more than a page of them."""
        return [self.new_rule()[1] for _ in range(6)]

    def subnets_of(self, vpc_id):
        return self.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]

    def in_vpcs(self, method, answer, name):
        """What two VPCs have each one of."""
        found = [getattr(self.ec2, method)(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])[answer] for vpc in self.vpcs[:2]]
        return [one[0][name] for one in found]

    def rules(self):
        return self.ec2.describe_security_groups(GroupIds=[self.group["GroupId"]])["SecurityGroups"][0]["IpPermissions"]

    def tags(self, resource_id):
        found = self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def row(self, table, column, **key):
        """One value of the store's row, for what no answer shows."""
        ((name, value),) = key.items()
        with closing(sqlite3.connect(f"file:{self.cloud.folder}/data/scheduler/freehold.db?mode=ro", uri=True)) as store:
            ((found,),) = store.execute(f"SELECT {column} FROM {table} WHERE {name} = ?", [value]).fetchall()
        return found

    def tidy(self):
        """Ends what an entry launched; what others look at too stays."""
        ids = sorted(set(self.launched) - set(self.kept))
        if ids:
            self.ec2.terminate_instances(InstanceIds=ids)
        self.launched = [one for one in self.launched if one in self.kept]

    def close(self):
        self.kept.clear()
        self.tidy()
        wait_until("the instances are gone", self._all_terminated, 120)

    def _all_terminated(self):
        pages = self.ec2.get_paginator("describe_instances").paginate()
        return all(i["State"]["Name"] == "terminated" for page in pages for r in page["Reservations"] for i in r["Instances"])
