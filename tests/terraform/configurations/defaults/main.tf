# What an account has from the start, taken over: it is changed, and stays when Terraform lets go of it.

variable "ami" { type = string }

resource "aws_default_vpc" "mine" {
  enable_dns_hostnames                 = true
  enable_network_address_usage_metrics = var.stage == 2
  tags                                 = { Name = "default-${var.stage}" }
}

# The provider tags what was there only when it changes it.
resource "aws_default_vpc_dhcp_options" "mine" {
  tags = var.stage == 1 ? {} : { Name = "default" }
}

resource "aws_default_subnet" "a" {
  availability_zone                   = "us-east-1a"
  map_public_ip_on_launch             = var.stage == 1
  private_dns_hostname_type_on_launch = "ip-name"
  tags                                = { Name = "default-a" }
}

# One that goes with its configuration, and is made anew by the next.
resource "aws_default_subnet" "c" {
  availability_zone = "us-east-1c"
  force_destroy     = true
}

resource "aws_default_security_group" "mine" {
  vpc_id = aws_default_vpc.mine.id

  ingress {
    protocol  = "tcp"
    from_port = 22
    to_port   = 22 + var.stage
    self      = true
  }

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_default_network_acl" "mine" {
  default_network_acl_id = aws_default_vpc.mine.default_network_acl_id

  ingress {
    rule_no    = 100
    protocol   = "tcp"
    action     = "allow"
    cidr_block = "172.31.0.0/16"
    from_port  = 0
    to_port    = 65535
  }

  egress {
    rule_no    = 100
    protocol   = "-1"
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }

  # Every default subnet has it, that of the zone which is not named here, too.
  lifecycle { ignore_changes = [subnet_ids] }
}

# Depends on nothing that changes, or the route to it would have to be looked at with each change.
data "aws_vpc" "found" {
  default = true
}

data "aws_internet_gateway" "mine" {
  filter {
    name   = "attachment.vpc-id"
    values = [data.aws_vpc.found.id]
  }
}

resource "aws_default_route_table" "mine" {
  default_route_table_id = aws_default_vpc.mine.default_route_table_id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = data.aws_internet_gateway.mine.id
  }
}

# --- What is found of it

resource "aws_security_group" "more" {
  name   = "more"
  vpc_id = aws_default_vpc.mine.id
}

resource "aws_instance" "mine" {
  ami           = var.ami
  instance_type = "t3.nano"
  subnet_id     = aws_default_subnet.a.id
  tags          = { Name = "mine" }
}

resource "aws_network_interface_sg_attachment" "more" {
  security_group_id    = aws_security_group.more.id
  network_interface_id = aws_instance.mine.primary_network_interface_id
}

resource "aws_eip" "mine" {
  domain = "vpc"
  tags   = { Name = "mine" }
}

data "aws_vpc" "default" {
  default    = true
  depends_on = [aws_default_vpc.mine]
}

data "aws_vpcs" "mine" {
  tags       = { Name = "default-${var.stage}" }
  depends_on = [aws_default_vpc.mine]
}

data "aws_subnet" "a" {
  availability_zone = "us-east-1a"
  default_for_az    = true
  depends_on        = [aws_default_subnet.a]
}

data "aws_security_groups" "mine" {
  depends_on = [aws_security_group.more]

  filter {
    name   = "vpc-id"
    values = [aws_default_vpc.mine.id]
  }
}

data "aws_vpc_security_group_rules" "mine" {
  depends_on = [aws_default_security_group.mine]

  filter {
    name   = "group-id"
    values = [aws_default_security_group.mine.id]
  }
}

data "aws_vpc_security_group_rule" "each" {
  count                  = 2
  security_group_rule_id = data.aws_vpc_security_group_rules.mine.ids[count.index]
}

data "aws_network_acls" "mine" {
  vpc_id = aws_default_vpc.mine.id
}

data "aws_network_interfaces" "mine" {
  depends_on = [aws_network_interface_sg_attachment.more]

  filter {
    name   = "group-id"
    values = [aws_security_group.more.id]
  }
}

data "aws_network_interface" "mine" {
  id         = aws_instance.mine.primary_network_interface_id
  depends_on = [aws_network_interface_sg_attachment.more]
}

data "aws_eips" "mine" {
  depends_on = [aws_eip.mine]
  tags       = { Name = "mine" }
}

data "aws_instance" "mine" {
  instance_id = aws_instance.mine.id
}

data "aws_instances" "mine" {
  depends_on    = [aws_instance.mine]
  instance_tags = { Name = "mine" }
}

data "aws_availability_zone" "a" {
  name = "us-east-1a"
}

data "aws_regions" "all" {}

data "aws_region" "here" {}

data "aws_caller_identity" "me" {}

output "seen" {
  value = {
    vpc        = data.aws_vpc.default.id == aws_default_vpc.mine.id && data.aws_vpcs.mine.ids == tolist([aws_default_vpc.mine.id])
    subnet     = data.aws_subnet.a.id == aws_default_subnet.a.id
    groups     = length(data.aws_security_groups.mine.ids)
    rules      = sort([for one in data.aws_vpc_security_group_rule.each : "${one.is_egress} ${one.ip_protocol} ${one.from_port}"])
    acls       = length(data.aws_network_acls.mine.ids)
    interfaces = data.aws_network_interfaces.mine.ids == tolist([aws_instance.mine.primary_network_interface_id])
    of_it      = length(data.aws_network_interface.mine.security_groups)
    addresses  = data.aws_eips.mine.allocation_ids == tolist([aws_eip.mine.id])
    instance   = data.aws_instance.mine.subnet_id == aws_default_subnet.a.id && data.aws_instances.mine.ids == tolist([aws_instance.mine.id])
    zone       = data.aws_availability_zone.a.zone_id
    region     = contains(data.aws_regions.all.names, data.aws_region.here.name)
    account    = data.aws_caller_identity.me.account_id == aws_default_vpc.mine.owner_id
  }
}

output "ids" {
  value = {
    vpc    = aws_default_vpc.mine.id
    subnet = aws_default_subnet.a.id
    other  = aws_default_subnet.c.id
  }
}
