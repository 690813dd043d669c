resource "aws_key_pair" "mine" {
  key_name   = "terraform-key"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1S2cKgyrRkpGWvkQm4nB0FCKdYyQ4yI8BzYlqfV1tG mine"
  tags       = { stage = tostring(var.stage), "awkward/key = +" = "é" }
}

data "aws_key_pair" "mine" {
  key_name           = aws_key_pair.mine.key_name
  include_public_key = true
}

output "id" { value = aws_key_pair.mine.key_pair_id }
output "found" { value = data.aws_key_pair.mine.id }
