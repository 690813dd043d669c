variable "ami" { type = string }

data "aws_availability_zones" "here" {
  state = "available"
}

data "aws_ami" "given" {
  most_recent = true
  owners      = ["amazon", "self"]

  filter {
    name   = "image-id"
    values = [var.ami]
  }

  filter {
    name   = "architecture"
    values = ["x86_64"]
  }
}

data "aws_ec2_instance_type" "large" {
  instance_type = "m5.2xlarge"
}

data "aws_ec2_instance_types" "burstable" {
  filter {
    name   = "burstable-performance-supported"
    values = ["true"]
  }

  filter {
    name   = "memory-info.size-in-mib"
    values = ["512"]
  }
}

data "aws_ec2_instance_type_offerings" "zones" {
  location_type = "availability-zone"

  filter {
    name   = "instance-type"
    values = ["m5.large", "m5.24xlarge", "t4g.nano"]
  }

  filter {
    name   = "location"
    values = data.aws_availability_zones.here.names
  }
}

data "aws_ec2_instance_type_offering" "preferred" {
  preferred_instance_types = ["t4g.nano", "m5.24xlarge", "c6i.large", "t3.nano"]

  filter {
    name   = "instance-type"
    values = ["t4g.nano", "m5.24xlarge", "c6i.large", "t3.nano"]
  }
}

output "seen" {
  value = {
    zones     = data.aws_availability_zones.here.names
    ami       = data.aws_ami.given.id
    large     = [for figure in ["default_vcpus", "default_cores", "memory_size", "valid_cores", "ebs_performance_baseline_bandwidth", "maximum_network_interfaces"] : data.aws_ec2_instance_type.large[figure]]
    burstable = sort(data.aws_ec2_instance_types.burstable.instance_types)
    offered   = [data.aws_ec2_instance_type_offerings.zones.instance_types, data.aws_ec2_instance_type_offerings.zones.locations]
    preferred = data.aws_ec2_instance_type_offering.preferred.instance_type
  }
}
