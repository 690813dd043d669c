variable "ami" { type = string }

resource "aws_key_pair" "mine" {
  key_name   = "terraform-template"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1S2cKgyrRkpGWvkQm4nB0FCKdYyQ4yI8BzYlqfV1tG mine"
}

resource "aws_launch_template" "web" {
  name                                 = "terraform-web"
  description                          = "stage ${var.stage}"
  update_default_version               = true
  image_id                             = var.ami
  instance_type                        = "t3.micro"
  key_name                             = aws_key_pair.mine.key_name
  user_data                            = base64encode("#!/bin/sh\necho ${var.stage}\n")
  instance_initiated_shutdown_behavior = "terminate"
  disable_api_stop                     = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 + var.stage
    instance_metadata_tags      = "enabled"
  }

  monitoring { enabled = var.stage > 1 }

  credit_specification { cpu_credits = "standard" }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = true
    delete_on_termination       = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size           = 8
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "web", stage = tostring(var.stage) }
  }

  tag_specifications {
    resource_type = "volume"
    tags          = { Name = "web-root" }
  }

  tags = { stage = tostring(var.stage) }
}

# What no instance can be launched with is a template all the same.
resource "aws_launch_template" "unlaunched" {
  name_prefix   = "terraform-"
  ebs_optimized = true
  kernel_id     = "aki-0123456789abcdef0"

  iam_instance_profile { name = "nobody" }

  hibernation_options { configured = true }

  placement {
    group_name = "nowhere"
    tenancy    = "dedicated"
  }

  cpu_options {
    core_count       = 1
    threads_per_core = 2
  }

  capacity_reservation_specification { capacity_reservation_preference = "none" }

  instance_market_options {
    market_type = "spot"
    spot_options { max_price = "0.05" }
  }

  license_specification {
    license_configuration_arn = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef"
  }

  private_dns_name_options { hostname_type = "resource-name" }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = false
    security_groups             = ["sg-0123456789abcdef0"]
  }

  instance_requirements {
    memory_mib { min = 512 }
    vcpu_count {
      min = 1
      max = var.stage
    }
  }
}

data "aws_launch_template" "web" {
  name       = aws_launch_template.web.name
  depends_on = [aws_launch_template.web]
}

# It stays as it was launched: of the first version. User data that an instance has of its template the provider plans to change each time,
# since it takes its own hash of it for the text (hashicorp/terraform-provider-aws, issue 30825): the instance says its own.
resource "aws_instance" "web" {
  user_data = "#!/bin/sh\necho mine\n"

  launch_template {
    id      = aws_launch_template.web.id
    version = "1"
  }

  tags = { Name = "web", stage = "1" }
}

output "id" { value = aws_launch_template.web.id }
output "latest" { value = aws_launch_template.web.latest_version }
output "default" { value = aws_launch_template.web.default_version }
output "found" { value = data.aws_launch_template.web.id }
output "instance" { value = aws_instance.web.id }
