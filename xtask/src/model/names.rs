//! Names: AWS's `SecurityGroupIds` is protobuf's `security_group_ids`, and back by rule where that is possible.

/// `InstanceIds` to `instance_ids`, `Ipv6CidrBlock` to `ipv6_cidr_block`, `DNSName` to `dns_name`.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| letters[index]);
        let after = letters.get(index + 1);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if starts_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// `instance_ids` to `InstanceIds`.
pub fn upper_camel(snake: &str) -> String {
    snake.split('_').map(capitalised).collect()
}

/// `instance_ids` to `instanceIds`.
pub fn lower_camel(snake: &str) -> String {
    let name = upper_camel(snake);
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// First letter upper-cased, the rest as it is: EC2's rule for query names.
pub fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A Rust constant for a word or a message: `shutting-down` to `SHUTTING_DOWN`, `RunInstancesRequest` to `RUN_INSTANCES_REQUEST`.
pub fn constant(word: &str) -> String {
    let name: String =
        snake(word).chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }).collect();
    if name.starts_with(|letter: char| letter.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_snake_case_and_back() {
        for (camel, expected) in
            [("InstanceIds", "instance_ids"), ("Ipv6CidrBlock", "ipv6_cidr_block"), ("DNSName", "dns_name"), ("KmsKeyId", "kms_key_id")]
        {
            assert_eq!(snake(camel), expected);
        }
        assert_eq!(upper_camel("ipv6_cidr_block"), "Ipv6CidrBlock");
        assert_eq!(lower_camel("image_id"), "imageId");
        assert_eq!(constant("shutting-down"), "SHUTTING_DOWN");
        assert_eq!(constant("1.0"), "_1_0");
    }
}
