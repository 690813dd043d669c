"""What many entries look at: made once for an account, and named alike."""

from functools import cache, cached_property

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from world import World

MANY = 6


class Made(World):
    def __init__(self, cloud, account):
        super().__init__(cloud, account)
        self._port = 10_000
        self._reserved = 0

    def port(self):
        """A port that no other rule has."""
        self._port += 1
        return self._port

    # Keys

    def public_key(self):
        return self.public_keys()[0]

    @cache
    def public_keys(self):
        """Two of them, in OpenSSH's form."""
        form = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return [ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(*form) for _ in range(2)]

    # Images

    @cache
    def images(self):
        return [self.image, self.cloud.ami()]

    @cache
    def own(self):
        """An AMI of this account's own, that stays."""
        return self.own_image()

    def own_image(self):
        disk = self.cloud.folder / "own.raw"
        disk.write_bytes(b"own".ljust(1 << 20, b"\0"))
        arguments = ["--format", "raw", "--name", self.unique("own"), "--account", self.account.account_id]
        return self.cloud.json("image", "import", disk, *arguments)["image_id"]

    # Launch templates

    def template(self, versions=1, **data):
        """A launch template of its own, which can be launched."""
        data = {"ImageId": self.image, "InstanceType": "t3.nano"} | data
        made = self.ec2.create_launch_template(LaunchTemplateName=self.unique("template"), LaunchTemplateData=data)["LaunchTemplate"]
        for _ in range(1, versions):
            self.ec2.create_launch_template_version(LaunchTemplateId=made["LaunchTemplateId"], LaunchTemplateData=data)
        return made

    @cache
    def templates(self):
        """Two of them with two versions each, that stay."""
        return [self.template(versions=2), self.template(versions=2)]

    # Rules

    def authorized(self, port):
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}
        present = [one for one in self.rules() if one.get("FromPort") == port]
        if not present:
            self.ec2.authorize_security_group_ingress(GroupId=self.group["GroupId"], IpPermissions=[rule])
        return rule

    # Names to find by, two of each

    @cache
    def zones(self, name="ZoneName"):
        return [zone[name] for zone in self.ec2.describe_availability_zones()["AvailabilityZones"]][:2]

    def reservations(self):
        return [self.reservation(instance["InstanceId"]) for instance in self.pair]

    def reservation(self, instance_id):
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["ReservationId"]

    def interfaces(self):
        return [instance["NetworkInterfaces"][0]["NetworkInterfaceId"] for instance in self.pair]

    def volumes(self):
        return [instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"] for instance in self.pair]

    @cache
    def tagged(self):
        """Two tag keys, each on one key pair."""
        keys = [self.unique("tag"), self.unique("tag")]
        for key in keys:
            self.ec2.create_tags(Resources=[self.keys[0]["KeyPairId"]], Tags=[{"Key": key, "Value": "v"}])
        return keys

    @cached_property
    def tagged_vpc(self):
        """A VPC that says its id in a tag."""
        vpc_id = self.new_vpc()["VpcId"]
        self.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "parameters", "Value": vpc_id}])
        return vpc_id

    # Reservations

    @cached_property
    def reserved_subnet(self):
        """One that stays, of which nobody needs an address."""
        return self.ec2.create_subnet(VpcId=self.new_vpc("10.80.0.0/16")["VpcId"], CidrBlock="10.80.0.0/16")["Subnet"]["SubnetId"]

    def to_reserve(self):
        """A block of that subnet that no reservation has."""
        self._reserved += 1
        return {"SubnetId": self.reserved_subnet, "Cidr": f"10.80.{self._reserved}.0/28", "ReservationType": "explicit"}

    def new_reservation(self, **parameters):
        return self.ec2.create_subnet_cidr_reservation(**self.to_reserve() | parameters)["SubnetCidrReservation"]

    @cached_property
    def six_reservations(self):
        """A subnet with more reservations than fit on the smallest page: one for prefixes, five explicit ones."""
        subnet_id = self.new_subnet()["SubnetId"]
        block = self.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]["CidrBlock"].removesuffix(".0/24")
        for number, kind in enumerate(["prefix"] + ["explicit"] * 5):
            self.new_reservation(SubnetId=subnet_id, Cidr=f"{block}.{16 * number}/28", ReservationType=kind)
        return subnet_id

    # Groups that name what is no longer to be reached

    @cached_property
    def stale_vpc(self):
        """A VPC with six groups that name one of a former peer's, and its default group."""
        both = self.to_peer()
        peering = {"VpcPeeringConnectionId": self.ec2.create_vpc_peering_connection(**both)["VpcPeeringConnection"]["VpcPeeringConnectionId"]}
        self.ec2.accept_vpc_peering_connection(**peering)
        foreign = self.new_group(VpcId=both["PeerVpcId"])
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": foreign}]}
        for _ in range(6):
            self.ec2.authorize_security_group_ingress(GroupId=self.new_group(VpcId=both["VpcId"]), IpPermissions=[rule])
        self.ec2.delete_vpc_peering_connection(**peering)
        return both["VpcId"]

    # More than a page

    @cached_property
    def _many(self):
        ids = [self.run()[0]["InstanceId"] for _ in range(MANY)]
        self.wait("running", *ids)
        self.kept += ids
        return ids

    def many(self):
        return self._many

    @cache
    def many_tags(self):
        tags = [{"Key": f"many-{number}", "Value": "v"} for number in range(MANY)]
        self.ec2.create_tags(Resources=[self.keys[1]["KeyPairId"]], Tags=tags)
        return tags
