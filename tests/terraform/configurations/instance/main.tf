variable "ami" { type = string }

data "aws_ami" "newest" {
  most_recent = true
  owners      = ["self", "amazon"]

  filter {
    name   = "image-id"
    values = [var.ami]
  }
}

data "aws_ec2_instance_type" "small" {
  instance_type = "t3.small"
}

resource "aws_key_pair" "mine" {
  key_name   = "terraform-instance"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1S2cKgyrRkpGWvkQm4nB0FCKdYyQ4yI8BzYlqfV1tG mine"
}

resource "aws_placement_group" "apart" {
  name     = "terraform-apart"
  strategy = "spread"
  tags     = { stage = tostring(var.stage) }
}

resource "aws_placement_group" "parts" {
  name            = "terraform-parts"
  strategy        = "partition"
  partition_count = 3
}

resource "aws_instance" "web" {
  count                                = 2
  ami                                  = data.aws_ami.newest.id
  instance_type                        = var.stage < 3 ? "t3.nano" : data.aws_ec2_instance_type.small.instance_type
  key_name                             = aws_key_pair.mine.key_name
  user_data                            = "#!/bin/sh\necho ${var.stage < 3 ? "first" : "second"}\n"
  disable_api_termination              = var.stage == 2
  instance_initiated_shutdown_behavior = var.stage == 1 ? "stop" : "terminate"
  monitoring                           = var.stage > 1
  placement_group                      = aws_placement_group.parts.name
  placement_partition_number           = 2

  metadata_options {
    http_tokens                 = var.stage == 1 ? "optional" : "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "enabled"
  }

  maintenance_options {
    auto_recovery = var.stage == 1 ? "default" : "disabled"
  }

  private_dns_name_options {
    hostname_type                     = "resource-name"
    enable_resource_name_dns_a_record = var.stage > 1
  }

  root_block_device {
    volume_size           = 8
    delete_on_termination = var.stage != 2
  }

  tags = { Name = "web-${count.index}", stage = tostring(var.stage) }
}

output "ids" { value = aws_instance.web[*].id }
