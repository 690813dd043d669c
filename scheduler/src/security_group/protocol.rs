//! Protocols and ports as EC2 normalises them.

use std::fmt;

use freehold_proto::{ErrorCode, Fault};

/// `IpProtocol`: `-1`, a name, or a number. A number that has a name becomes the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `-1`
    All,
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Number(u8),
}

impl Protocol {
    pub fn parse(word: &str) -> Result<Self, Fault> {
        match word.to_ascii_lowercase().as_str() {
            "-1" | "all" => return Ok(Self::All),
            "tcp" => return Ok(Self::Tcp),
            "udp" => return Ok(Self::Udp),
            "icmp" => return Ok(Self::Icmp),
            "icmpv6" => return Ok(Self::Icmpv6),
            _ => {}
        }
        // `parse` would take "+6".
        let number = word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse::<u8>().ok()).flatten();
        match number {
            Some(1) => Ok(Self::Icmp),
            Some(6) => Ok(Self::Tcp),
            Some(17) => Ok(Self::Udp),
            Some(58) => Ok(Self::Icmpv6),
            Some(other) => Ok(Self::Number(other)),
            None => {
                let message = format!("Invalid value '{word}' for IP protocol. Unknown protocol.");
                Err(Fault::new(ErrorCode::InvalidPermissionMalformed, message))
            }
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("-1"),
            Self::Tcp => formatter.write_str("tcp"),
            Self::Udp => formatter.write_str("udp"),
            Self::Icmp => formatter.write_str("icmp"),
            Self::Icmpv6 => formatter.write_str("icmpv6"),
            Self::Number(number) => write!(formatter, "{number}"),
        }
    }
}

/// `FromPort` and `ToPort`; for ICMP the type and the code. -1 is "any".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    pub from: i32,
    pub to: i32,
}

impl Ports {
    pub const ANY: Self = Self { from: -1, to: -1 };

    /// Checks the ports that came with a protocol. Only TCP, UDP and ICMP have ports: others mean all traffic of the protocol, and what
    /// a client sends with them (Terraform: 0 and 0 with `-1`) says nothing.
    pub fn read(protocol: Protocol, from: Option<i32>, to: Option<i32>) -> Result<Self, Fault> {
        match protocol {
            Protocol::Tcp | Protocol::Udp => Self::range(from, to),
            Protocol::Icmp | Protocol::Icmpv6 => Self::icmp(protocol, from, to),
            Protocol::All | Protocol::Number(_) => Ok(Self::ANY),
        }
    }

    fn range(from: Option<i32>, to: Option<i32>) -> Result<Self, Fault> {
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Fault::new(ErrorCode::MissingParameter, "Invalid port range: TCP and UDP rules need FromPort and ToPort."));
        };
        if (from, to) == (-1, -1) {
            return Ok(Self { from: 0, to: 65535 });
        }
        for port in [from, to] {
            if !(0..=65535).contains(&port) {
                return Err(invalid(format!("Invalid value '{port}' for portRange. Must be a port number from 0 to 65535.")));
            }
        }
        if from > to {
            return Err(invalid(format!("Invalid TCP/UDP port range ({from}:{to}): it ends before it begins.")));
        }
        Ok(Self { from, to })
    }

    fn icmp(protocol: Protocol, from: Option<i32>, to: Option<i32>) -> Result<Self, Fault> {
        let (kind, code) = match (protocol, from, to) {
            // EC2 reads "all of ICMPv6" from a missing type; ICMP has to say -1.
            (Protocol::Icmpv6, None, None) => (-1, -1),
            (_, Some(kind), code) => (kind, code.unwrap_or(-1)),
            (_, None, _) => return Err(Fault::new(ErrorCode::MissingParameter, "ICMP rules need a type in FromPort (-1 for all).")),
        };
        if !(-1..=255).contains(&kind) || !(-1..=255).contains(&code) {
            return Err(invalid(format!("Invalid value '{kind}:{code}' for ICMP type and code. Each is from 0 to 255, or -1 for all.")));
        }
        if kind == -1 && code != -1 {
            return Err(invalid("Invalid ICMP code: with type -1 (all), the code must be -1 too.".to_owned()));
        }
        Ok(Self { from: kind, to: code })
    }
}

fn invalid(message: String) -> Fault {
    Fault::new(ErrorCode::InvalidParameterValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_name_become_the_name() {
        for (word, canonical) in [
            ("tcp", "tcp"),
            ("TCP", "tcp"),
            ("6", "tcp"),
            ("17", "udp"),
            ("1", "icmp"),
            ("58", "icmpv6"),
            ("-1", "-1"),
            ("all", "-1"),
            ("47", "47"),
        ] {
            assert_eq!(Protocol::parse(word).unwrap().to_string(), canonical);
        }
        for word in ["", "ip", "256", "-2", "+6", "6.0"] {
            assert_eq!(Protocol::parse(word).unwrap_err().code, ErrorCode::InvalidPermissionMalformed, "{word}");
        }
    }

    fn ports(protocol: Protocol, from: i32, to: i32) -> Option<(i32, i32)> {
        Ports::read(protocol, Some(from), Some(to)).ok().map(|ports| (ports.from, ports.to))
    }

    #[test]
    fn ports_are_ranges_and_the_whole_range_may_be_said_as_minus_one() {
        assert_eq!(ports(Protocol::Tcp, 0, 65535), Some((0, 65535)));
        assert_eq!(ports(Protocol::Udp, -1, -1), Some((0, 65535)));
        for (from, to) in [(80, 22), (-1, 80), (0, 65536), (i32::MIN, 1)] {
            assert_eq!(ports(Protocol::Tcp, from, to), None, "{from} {to}");
        }
        assert_eq!(Ports::read(Protocol::Tcp, Some(22), None).unwrap_err().code, ErrorCode::MissingParameter);
    }

    #[test]
    fn icmp_has_a_type_and_a_code() {
        assert_eq!(ports(Protocol::Icmp, 8, -1), Some((8, -1)));
        assert_eq!(ports(Protocol::Icmp, 3, 4), Some((3, 4)));
        assert_eq!(ports(Protocol::Icmp, -1, 4), None);
        assert_eq!(ports(Protocol::Icmp, 256, 0), None);
        assert_eq!(Ports::read(Protocol::Icmpv6, None, None).unwrap(), Ports::ANY);
        assert_eq!(Ports::read(Protocol::Icmp, None, None).unwrap_err().code, ErrorCode::MissingParameter);
    }

    #[test]
    fn what_has_no_ports_matches_with_any() {
        assert_eq!(ports(Protocol::All, 0, 0), Some((-1, -1)));
        assert_eq!(ports(Protocol::Number(47), 1, 2), Some((-1, -1)));
    }
}
