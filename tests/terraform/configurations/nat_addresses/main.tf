# NAT gateways with more than one address, of each kind: all of them change in place.

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "main" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_eip" "out" {
  count  = 3
  domain = "vpc"
}

# One address stays, one goes for another one.
resource "aws_nat_gateway" "public" {
  subnet_id                = aws_subnet.main.id
  allocation_id            = aws_eip.out[0].id
  secondary_allocation_ids = [aws_eip.out[var.stage].id]
  depends_on               = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "named" {
  subnet_id                      = aws_subnet.main.id
  connectivity_type              = "private"
  private_ip                     = "10.0.1.10"
  secondary_private_ip_addresses = var.stage == 1 ? ["10.0.1.11", "10.0.1.12"] : ["10.0.1.12", "10.0.1.13"]
}

resource "aws_nat_gateway" "counted" {
  subnet_id                          = aws_subnet.main.id
  connectivity_type                  = "private"
  secondary_private_ip_address_count = 2
  tags                               = { stage = tostring(var.stage) }
}

output "ids" {
  value = {
    public  = aws_nat_gateway.public.id
    named   = aws_nat_gateway.named.id
    counted = aws_nat_gateway.counted.id
    eips    = aws_eip.out[*].id
  }
}
