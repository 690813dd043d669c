resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

# Entries inside their list.
resource "aws_ec2_managed_prefix_list" "offices" {
  name           = var.stage == 1 ? "offices" : "all offices"
  address_family = "IPv4"
  max_entries    = 5

  entry {
    cidr        = "192.0.2.0/24"
    description = "near"
  }

  entry {
    cidr        = var.stage == 1 ? "198.51.100.0/24" : "203.0.113.0/24"
    description = "far"
  }

  tags = { stage = tostring(var.stage) }
}

# Entries as resources of their own.
resource "aws_ec2_managed_prefix_list" "partners" {
  name           = "partners"
  address_family = "IPv4"
  max_entries    = 3
}

resource "aws_ec2_managed_prefix_list_entry" "partner" {
  for_each = toset(var.stage == 1 ? ["10.8.0.0/16", "10.9.0.0/16"] : ["10.8.0.0/16"])

  prefix_list_id = aws_ec2_managed_prefix_list.partners.id
  cidr           = each.value
  description    = "partner"
}

# Rules that name a list, in each of their styles.
resource "aws_security_group" "inline" {
  name   = "inline"
  vpc_id = aws_vpc.main.id

  ingress {
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    cidr_blocks     = ["10.0.0.0/16"]
    prefix_list_ids = [aws_ec2_managed_prefix_list.offices.id]
  }

  egress {
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    prefix_list_ids = [data.aws_prefix_list.s3.id]
  }
}

resource "aws_security_group" "apart" {
  name   = "apart"
  vpc_id = aws_vpc.main.id
}

resource "aws_security_group_rule" "ssh" {
  security_group_id = aws_security_group.apart.id
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  prefix_list_ids   = [aws_ec2_managed_prefix_list.offices.id]
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  security_group_id = aws_security_group.apart.id
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  prefix_list_id    = var.stage == 1 ? aws_ec2_managed_prefix_list.offices.id : aws_ec2_managed_prefix_list.partners.id
}

# A route to a list, and tables that lead to services.
resource "aws_route_table" "main" {
  count  = 2
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "partners" {
  route_table_id             = aws_route_table.main[0].id
  destination_prefix_list_id = aws_ec2_managed_prefix_list.partners.id
  gateway_id                 = aws_internet_gateway.main.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = data.aws_vpc_endpoint_service.s3.service_name
  route_table_ids = var.stage == 1 ? aws_route_table.main[*].id : [aws_route_table.main[1].id]
  tags            = { stage = tostring(var.stage) }

  policy = jsonencode({
    Version   = "2008-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = var.stage == 1 ? "s3:*" : "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id       = aws_vpc.main.id
  service_name = "com.amazonaws.us-east-1.dynamodb"
}

resource "aws_vpc_endpoint_route_table_association" "dynamodb" {
  vpc_endpoint_id = aws_vpc_endpoint.dynamodb.id
  route_table_id  = aws_route_table.main[0].id
}

resource "aws_vpc_endpoint_policy" "dynamodb" {
  vpc_endpoint_id = aws_vpc_endpoint.dynamodb.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = var.stage == 1 ? "Allow" : "Deny", Principal = "*", Action = "*", Resource = "*" }]
  })
}

data "aws_prefix_list" "s3" {
  name = "com.amazonaws.us-east-1.s3"
}

data "aws_ec2_managed_prefix_list" "offices" {
  id = aws_ec2_managed_prefix_list.offices.id
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.us-east-1.s3"
}

data "aws_ec2_managed_prefix_lists" "mine" {
  depends_on = [aws_ec2_managed_prefix_list.offices]

  filter {
    name   = "prefix-list-id"
    values = [aws_ec2_managed_prefix_list.offices.id, aws_ec2_managed_prefix_list.partners.id]
  }
}

data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}

data "aws_vpc_endpoint" "s3" {
  vpc_id       = aws_vpc.main.id
  service_name = data.aws_vpc_endpoint_service.s3.service_name
  depends_on   = [aws_vpc_endpoint.s3]
}

output "ids" {
  value = {
    list    = aws_ec2_managed_prefix_list.offices.id
    version = aws_ec2_managed_prefix_list.offices.version
    s3      = aws_vpc_endpoint.s3.id
    table   = aws_route_table.main[0].id
    route   = "${aws_route_table.main[0].id}_${aws_ec2_managed_prefix_list.partners.id}"
  }
}

output "seen" {
  value = {
    endpoint = data.aws_vpc_endpoint.s3.id == aws_vpc_endpoint.s3.id
    service  = data.aws_prefix_list.s3.id == data.aws_ec2_managed_prefix_list.s3.id && data.aws_prefix_list.s3.id == aws_vpc_endpoint.s3.prefix_list_id
    lists    = length(data.aws_ec2_managed_prefix_lists.mine.ids)
    owner    = data.aws_ec2_managed_prefix_list.s3.owner_id
    entries  = length(data.aws_ec2_managed_prefix_list.offices.entries)
  }
}
