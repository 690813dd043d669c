resource "aws_vpc" "mine" {
  cidr_block = "10.7.0.0/16"
}

# Rules inside their group.
resource "aws_security_group" "inline" {
  name        = "inline"
  description = "rules of its own"
  vpc_id      = aws_vpc.mine.id

  ingress {
    description = var.stage == 1 ? "web" : "the web"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = var.stage == 1 ? ["10.0.0.0/8", "192.0.2.0/24"] : ["10.0.0.0/8"]
    # Of a VPC without such addresses, as most configurations have it.
    ipv6_cidr_blocks = ["::/0"]
  }

  ingress {
    protocol  = "-1"
    from_port = 0
    to_port   = 0
    self      = true
  }

  egress {
    protocol        = "udp"
    from_port       = 53
    to_port         = 53
    security_groups = [aws_security_group.apart.id]
  }

  tags = { stage = tostring(var.stage) }
}

# Rules as resources of the older kind.
resource "aws_security_group" "apart" {
  name_prefix = "apart-"
  vpc_id      = aws_vpc.mine.id
}

resource "aws_security_group_rule" "ssh" {
  security_group_id = aws_security_group.apart.id
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = ["198.51.100.0/24", "203.0.113.0/24"]
  description       = var.stage == 1 ? "ssh" : "secure shell"
}

resource "aws_security_group_rule" "out" {
  security_group_id = aws_security_group.apart.id
  type              = "egress"
  protocol          = "icmp"
  from_port         = 8
  to_port           = -1
  cidr_blocks       = ["0.0.0.0/0"]
}

# Rules as resources of the newer kind.
resource "aws_security_group" "bare" {
  name   = "bare"
  vpc_id = aws_vpc.mine.id
}

resource "aws_vpc_security_group_ingress_rule" "near" {
  security_group_id            = aws_security_group.bare.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = var.stage == 1 ? 8080 : 8090
  referenced_security_group_id = aws_security_group.inline.id
  tags                         = { stage = tostring(var.stage) }
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.bare.id
  ip_protocol       = "-1"
  cidr_ipv4         = var.stage == 1 ? "0.0.0.0/0" : "10.0.0.0/8"
}

resource "aws_vpc_security_group_egress_rule" "sixth" {
  security_group_id = aws_security_group.bare.id
  ip_protocol       = "-1"
  cidr_ipv6         = var.stage == 1 ? "::/0" : "2001:db8::/32"
}

# The VPC's own group, closed.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.mine.id
}

resource "aws_subnet" "mine" {
  vpc_id     = aws_vpc.mine.id
  cidr_block = "10.7.1.0/24"
}

resource "aws_network_acl" "mine" {
  vpc_id     = aws_vpc.mine.id
  subnet_ids = var.stage == 1 ? [aws_subnet.mine.id] : []

  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 443
    to_port    = var.stage == 1 ? 443 : 444
    cidr_block = "0.0.0.0/0"
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }
}

resource "aws_network_acl" "bare" {
  vpc_id = aws_vpc.mine.id
}

resource "aws_network_acl_rule" "ping" {
  network_acl_id = aws_network_acl.bare.id
  rule_number    = 50
  rule_action    = "deny"
  protocol       = "icmp"
  icmp_type      = 8
  icmp_code      = -1
  cidr_block     = "10.0.0.0/8"
}

resource "aws_network_acl_association" "mine" {
  count          = var.stage == 1 ? 0 : 1
  network_acl_id = aws_network_acl.bare.id
  subnet_id      = aws_subnet.mine.id
  depends_on     = [aws_network_acl.mine]
}

resource "aws_default_network_acl" "closed" {
  default_network_acl_id = aws_vpc.mine.default_network_acl_id
}

data "aws_security_group" "bare" {
  vpc_id     = aws_vpc.mine.id
  name       = "bare"
  depends_on = [aws_security_group.bare]
}

output "ids" {
  value = {
    vpc    = aws_vpc.mine.id
    inline = aws_security_group.inline.id
    bare   = aws_security_group.bare.id
    found  = data.aws_security_group.bare.id
    near   = aws_vpc_security_group_ingress_rule.near.id
    closed = aws_default_security_group.closed.id
  }
}
