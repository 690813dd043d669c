variable "ami" { type = string }

resource "aws_instance" "web" {
  count         = 2
  ami           = var.ami
  instance_type = "t3.nano"
}

resource "aws_eip" "own" {
  instance = aws_instance.web[var.stage - 1].id
  tags     = { stage = tostring(var.stage) }
}

resource "aws_eip" "loose" {
  domain = "vpc"
}

resource "aws_eip_association" "loose" {
  allocation_id        = aws_eip.loose.id
  network_interface_id = aws_instance.web[2 - var.stage].primary_network_interface_id
  depends_on           = [aws_eip.own]
}

resource "aws_eip_domain_name" "own" {
  allocation_id = aws_eip.own.allocation_id
  domain_name   = "mail${var.stage}.example.com"
}

data "aws_eip" "own" {
  id         = aws_eip.own.id
  depends_on = [aws_eip.own]
}

output "seen" {
  value = {
    own   = data.aws_eip.own.public_ip == aws_eip.own.public_ip
    on    = data.aws_eip.own.instance_id == aws_instance.web[var.stage - 1].id
    ids   = [aws_eip.own.id, aws_eip.loose.id]
    first = aws_instance.web[0].id
  }
}
