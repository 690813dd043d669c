# Two VPCs of one account that reach each other, and a third one whose side of the request is accepted by a resource of its own.

resource "aws_vpc" "web" {
  cidr_block           = "10.10.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "data" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "tools" {
  cidr_block = "10.30.0.0/16"
}

resource "aws_vpc_peering_connection" "data" {
  vpc_id      = aws_vpc.web.id
  peer_vpc_id = aws_vpc.data.id
  auto_accept = true

  requester {
    allow_remote_vpc_dns_resolution = var.stage == 1
  }

  accepter {
    allow_remote_vpc_dns_resolution = true
  }

  tags = { Name = "web-data", stage = tostring(var.stage) }
}

resource "aws_vpc_peering_connection" "tools" {
  vpc_id        = aws_vpc.web.id
  peer_vpc_id   = aws_vpc.tools.id
  peer_owner_id = aws_vpc.tools.owner_id
  auto_accept   = false

  tags = { Name = "web-tools" }

  lifecycle {
    ignore_changes = [tags]
  }
}

resource "aws_vpc_peering_connection_accepter" "tools" {
  vpc_peering_connection_id = aws_vpc_peering_connection.tools.id
  auto_accept               = true

  tags = { Name = "web-tools" }
}

resource "aws_vpc_peering_connection_options" "tools" {
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.tools.id

  accepter {
    allow_remote_vpc_dns_resolution = var.stage == 2
  }
}

resource "aws_route" "to_data" {
  route_table_id            = aws_vpc.web.main_route_table_id
  destination_cidr_block    = aws_vpc.data.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.data.id
}

resource "aws_route_table" "data" {
  vpc_id = aws_vpc.data.id

  route {
    cidr_block                = var.stage == 1 ? aws_vpc.web.cidr_block : "10.10.1.0/24"
    vpc_peering_connection_id = aws_vpc_peering_connection.data.id
  }
}

resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = aws_vpc.web.id
}

resource "aws_security_group" "data" {
  name   = "data"
  vpc_id = aws_vpc.data.id
}

resource "aws_security_group_rule" "data_from_web" {
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 5432
  to_port                  = 5432
  security_group_id        = aws_security_group.data.id
  source_security_group_id = aws_security_group.web.id
  depends_on               = [aws_vpc_peering_connection.data]
}

resource "aws_vpc_security_group_ingress_rule" "web_from_data" {
  security_group_id            = aws_security_group.web.id
  referenced_security_group_id = aws_security_group.data.id
  ip_protocol                  = "-1"
  depends_on                   = [aws_vpc_peering_connection.data]
}

data "aws_vpc_peering_connection" "found" {
  vpc_id          = aws_vpc_peering_connection.data.vpc_id
  peer_cidr_block = aws_vpc.data.cidr_block
  status          = "active"
}

data "aws_vpc_peering_connections" "all" {
  filter {
    name   = "requester-vpc-info.vpc-id"
    values = [aws_vpc.web.id]
  }

  depends_on = [aws_vpc_peering_connection.data, aws_vpc_peering_connection_accepter.tools]
}

output "seen" {
  value = {
    found = data.aws_vpc_peering_connection.found.id == aws_vpc_peering_connection.data.id
    all   = length(data.aws_vpc_peering_connections.all.ids)
    state = aws_vpc_peering_connection_accepter.tools.accept_status
  }
}

output "ids" {
  value = {
    data     = aws_vpc_peering_connection.data.id
    accepter = aws_vpc_peering_connection_accepter.tools.id
    table    = aws_route_table.data.id
  }
}
