variable "ami" { type = string }

locals {
  zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
  # All by one gateway first, then each zone by its own.
  way_out = var.stage == 1 ? [0, 0, 0] : [0, 1, 2]
}

resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "main" }
}

resource "aws_vpc_dhcp_options" "main" {
  domain_name         = "example.internal"
  domain_name_servers = ["AmazonProvidedDNS"]
  ntp_servers         = ["169.254.169.123"]
  tags                = { stage = tostring(var.stage) }
}

resource "aws_vpc_dhcp_options_association" "main" {
  vpc_id          = aws_vpc.main.id
  dhcp_options_id = aws_vpc_dhcp_options.main.id
}

# What every VPC has, taken over and closed.
resource "aws_default_security_group" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_default_network_acl" "main" {
  default_network_acl_id = aws_vpc.main.default_network_acl_id

  ingress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }

  egress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }

  ingress {
    protocol        = "-1"
    rule_no         = 101
    action          = "allow"
    ipv6_cidr_block = "::/0"
    from_port       = 0
    to_port         = 0
  }

  egress {
    protocol        = "-1"
    rule_no         = 101
    action          = "allow"
    ipv6_cidr_block = "::/0"
    from_port       = 0
    to_port         = 0
  }

  lifecycle { ignore_changes = [subnet_ids] }
}

resource "aws_default_route_table" "main" {
  default_route_table_id = aws_vpc.main.default_route_table_id
  route                  = []
  tags                   = { Name = "nobody's" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  count                   = 3
  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 8, 100 + count.index)
  availability_zone       = local.zones[count.index]
  map_public_ip_on_launch = true
}

resource "aws_subnet" "private" {
  count             = 3
  vpc_id            = aws_vpc.main.id
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
  availability_zone = local.zones[count.index]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "out" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  count          = 3
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_eip" "out" {
  count  = 3
  domain = "vpc"
}

resource "aws_nat_gateway" "out" {
  count         = 3
  allocation_id = aws_eip.out[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  tags          = { Name = local.zones[count.index] }
  depends_on    = [aws_internet_gateway.main]
}

resource "aws_route_table" "private" {
  count  = 3
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "private" {
  count                  = 3
  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.out[local.way_out[count.index]].id
}

resource "aws_route_table_association" "private" {
  count          = 3
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[count.index].id
}

resource "aws_instance" "counted" {
  count         = 10
  ami           = var.ami
  instance_type = "t3.nano"
  subnet_id     = aws_subnet.private[count.index % 3].id
}

resource "aws_instance" "named" {
  for_each      = toset(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])
  ami           = var.ami
  instance_type = "t3.nano"
  subnet_id     = aws_subnet.private[index(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"], each.key) % 3].id
  tags          = { Name = each.key }
}

# A second interface, which comes to an instance that runs.
resource "aws_network_interface" "second" {
  subnet_id   = aws_subnet.private[0].id
  description = "second"
}

resource "aws_network_interface_attachment" "second" {
  instance_id          = aws_instance.named["a"].id
  network_interface_id = aws_network_interface.second.id
  device_index         = 1
}

# One that starts with an interface which was there, and one with two addresses.
resource "aws_network_interface" "primary" {
  subnet_id   = aws_subnet.private[1].id
  private_ips = ["10.0.1.50"]
}

resource "aws_instance" "fixed" {
  ami           = var.ami
  instance_type = "t3.nano"

  network_interface {
    network_interface_id = aws_network_interface.primary.id
    device_index         = 0
  }
}

resource "aws_instance" "several" {
  ami                   = var.ami
  instance_type         = "t3.nano"
  subnet_id             = aws_subnet.private[2].id
  private_ip            = "10.0.2.60"
  secondary_private_ips = ["10.0.2.61"]
}

data "aws_nat_gateways" "all" {
  vpc_id     = aws_vpc.main.id
  depends_on = [aws_nat_gateway.out]
}

data "aws_nat_gateway" "first" {
  id         = aws_nat_gateway.out[0].id
  depends_on = [aws_nat_gateway.out]
}

data "aws_vpc_dhcp_options" "main" {
  dhcp_options_id = aws_vpc_dhcp_options.main.id
}

output "seen" {
  value = {
    gateways  = length(data.aws_nat_gateways.all.ids)
    public    = data.aws_nat_gateway.first.public_ip == aws_eip.out[0].public_ip
    domain    = data.aws_vpc_dhcp_options.main.domain_name
    instances = length(aws_instance.counted) + length(aws_instance.named)
    fixed     = aws_instance.fixed.private_ip
    several   = tolist(aws_instance.several.secondary_private_ips)
  }
}

output "ids" {
  value = {
    vpc       = aws_vpc.main.id
    gateway   = aws_nat_gateway.out[0].id
    options   = aws_vpc_dhcp_options.main.id
    interface = aws_network_interface.second.id
    named     = aws_instance.named["a"].id
  }
}
