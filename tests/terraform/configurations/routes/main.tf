variable "ami" { type = string }

resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "main" }
}

resource "aws_vpc_ipv4_cidr_block_association" "second" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.1.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  vpc_id                  = aws_vpc.main.id
  cidr_block              = "10.0.1.0/24"
  availability_zone       = "us-east-1a"
  map_public_ip_on_launch = true
}

resource "aws_subnet" "private" {
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.1.1.0/24"
  availability_zone = "us-east-1b"
  depends_on        = [aws_vpc_ipv4_cidr_block_association.second]
}

resource "aws_ec2_subnet_cidr_reservation" "pods" {
  subnet_id        = aws_subnet.private.id
  cidr_block       = "10.1.1.64/28"
  reservation_type = var.stage == 1 ? "prefix" : "explicit"
  description      = "of a test"
}

# What the private subnet's packets go through.
resource "aws_instance" "router" {
  ami               = var.ami
  instance_type     = "t3.nano"
  subnet_id         = aws_subnet.public.id
  source_dest_check = false
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  tags   = { tier = "public", stage = tostring(var.stage) }

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }

  dynamic "route" {
    for_each = var.stage == 1 ? [] : [aws_subnet.private.cidr_block]
    content {
      cidr_block           = route.value
      network_interface_id = aws_instance.router.primary_network_interface_id
    }
  }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id
  tags   = { tier = "private" }
}

resource "aws_route" "out" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = var.stage == 1 ? aws_internet_gateway.main.id : null
  network_interface_id   = var.stage == 1 ? null : aws_instance.router.primary_network_interface_id
}

resource "aws_route_table_association" "public" {
  subnet_id      = aws_subnet.public.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  subnet_id      = aws_subnet.private.id
  route_table_id = var.stage == 1 ? aws_route_table.private.id : aws_route_table.public.id
}

resource "aws_default_route_table" "main" {
  default_route_table_id = aws_vpc.main.default_route_table_id
  tags                   = { Name = "nobody's" }

  route {
    cidr_block = "192.0.2.0/24"
    gateway_id = aws_internet_gateway.main.id
  }
}

# A VPC with another main table than it began with.
resource "aws_vpc" "other" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_route_table" "other" {
  vpc_id = aws_vpc.other.id
}

resource "aws_main_route_table_association" "other" {
  vpc_id         = aws_vpc.other.id
  route_table_id = aws_route_table.other.id
}

data "aws_route_table" "private" {
  subnet_id  = aws_subnet.private.id
  depends_on = [aws_route_table_association.private]
}

data "aws_route_tables" "tiers" {
  vpc_id     = aws_vpc.main.id
  depends_on = [aws_route_table.public, aws_route_table.private]

  filter {
    name   = "tag:tier"
    values = ["public", "private"]
  }
}

data "aws_route_table" "main_of_other" {
  vpc_id     = aws_vpc.other.id
  depends_on = [aws_main_route_table_association.other]

  filter {
    name   = "association.main"
    values = ["true"]
  }
}

data "aws_route" "out" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  depends_on             = [aws_route.out]
}

data "aws_vpc" "main" {
  id         = aws_vpc.main.id
  depends_on = [aws_vpc_ipv4_cidr_block_association.second]
}

data "aws_internet_gateway" "main" {
  depends_on = [aws_internet_gateway.main]

  filter {
    name   = "attachment.vpc-id"
    values = [aws_vpc.main.id]
  }
}

data "aws_subnets" "main" {
  depends_on = [aws_subnet.public, aws_subnet.private]

  filter {
    name   = "vpc-id"
    values = [aws_vpc.main.id]
  }
}

data "aws_subnet" "public" {
  cidr_block = "10.0.1.0/24"
  vpc_id     = aws_vpc.main.id
  depends_on = [aws_subnet.public]
}

output "seen" {
  value = {
    blocks  = sort([for one in data.aws_vpc.main.cidr_block_associations : one.cidr_block])
    gateway = data.aws_internet_gateway.main.id == aws_internet_gateway.main.id
    subnets = length(data.aws_subnets.main.ids)
    subnet  = data.aws_subnet.public.id == aws_subnet.public.id
    tables  = length(data.aws_route_tables.tiers.ids)
    main    = data.aws_route_table.main_of_other.id == aws_route_table.other.id
    private = data.aws_route_table.private.id == aws_route_table.private.id
    out     = data.aws_route.out.gateway_id == aws_internet_gateway.main.id
  }
}

output "ids" {
  value = {
    vpc         = aws_vpc.main.id
    table       = aws_route_table.public.id
    route       = "${aws_route_table.private.id}_0.0.0.0/0"
    reservation = "${aws_subnet.private.id}:${aws_ec2_subnet_cidr_reservation.pods.id}"
    association = "${aws_subnet.public.id}/${aws_route_table.public.id}"
  }
}
