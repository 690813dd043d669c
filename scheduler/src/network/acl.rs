//! Network ACLs that clients make, and the rules of any.
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html>.

use freehold_proto::aws::ec2;
use freehold_proto::id::NetworkAclId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter};

use super::cidr;
use super::vpc::{LAST_RULE, insert_rule_for_all};
use crate::ec2::create_tags::remove_tags;
use crate::ec2::message::missing;
use crate::security_group::Protocol;
use crate::store::{Outcome, Tx, network_acl, network_acl_entry, vpc};

pub const ALLOW: &str = "allow";
pub const DENY: &str = "deny";

/// A VPC's.
const MOST: u64 = 200;
/// An ACL's of one direction, the last one among them: as far as EC2 raises its quota. An operator has nobody to ask.
const MOST_RULES: u64 = 40;

/// Makes an ACL that lets nothing pass.
pub async fn create(tx: &Tx, vpc: &vpc::Model) -> Outcome<network_acl::Model> {
    let of_vpc = network_acl::Entity::find().filter(network_acl::Column::VpcId.eq(&vpc.vpc_id));
    if of_vpc.count(tx.db()).await? >= MOST {
        let message = format!("A VPC has at most {MOST} network ACLs. Delete some of '{}' first.", vpc.vpc_id);
        return Err(Fault::new(ErrorCode::NetworkAclLimitExceeded, message).into());
    }
    let acl = network_acl::Model {
        network_acl_id: NetworkAclId::draw(tx.entropy()).into(),
        account_id: vpc.account_id.clone(),
        vpc_id: vpc.vpc_id.clone(),
        is_default: false,
        created: tx.now(),
    };
    let acl = acl.into_active_model().insert(tx.db()).await?;
    for is_egress in [false, true] {
        insert_rule_for_all(tx, &acl, is_egress, LAST_RULE, DENY).await?;
    }
    Ok(acl)
}

/// Takes away an ACL that no subnet has.
pub async fn delete(tx: &Tx, acl: network_acl::Model) -> Outcome<()> {
    let entries = network_acl_entry::Entity::delete_many();
    entries.filter(network_acl_entry::Column::NetworkAclId.eq(&acl.network_acl_id)).exec(tx.db()).await?;
    remove_tags(tx, &acl.network_acl_id).await?;
    acl.delete(tx.db()).await?;
    Ok(())
}

/// The number of a rule that a client may make or change.
pub fn rule_number(given: i32) -> Result<i32, Fault> {
    if (1..LAST_RULE).contains(&given) {
        return Ok(given);
    }
    Err(invalid(format!("Value ({given}) for parameter ruleNumber is invalid. Use a number from 1 to {}.", LAST_RULE - 1)))
}

/// A rule as a request gives it.
pub struct Given<'a> {
    pub rule_number: i32,
    pub is_egress: bool,
    pub protocol: &'a str,
    pub rule_action: &'a str,
    pub cidr_block: Option<&'a str>,
    pub ipv6_cidr_block: Option<&'a str>,
    pub port_range: Option<&'a ec2::PortRange>,
    pub icmp: Option<&'a ec2::IcmpTypeCode>,
}

impl Given<'_> {
    /// The row. Ports are kept where the protocol has them, a type and a code for ICMP; what else is given says nothing, as in EC2.
    pub fn row(&self, acl: &network_acl::Model) -> Result<network_acl_entry::Model, Fault> {
        let rule_number = rule_number(self.rule_number)?;
        if ![ALLOW, DENY].contains(&self.rule_action) {
            let message = format!("Value ({}) for parameter ruleAction is invalid. Use {ALLOW} or {DENY}.", self.rule_action);
            return Err(invalid(message));
        }
        let protocol = number(self.protocol)?;
        let (cidr_block, ipv6_cidr_block) = self.block()?;
        let (mut ports, mut icmp) = (None, None);
        match protocol.as_str() {
            "6" | "17" => ports = Some(port_range(self.port_range)?),
            "1" => icmp = Some(type_and_code(self.icmp)?),
            // Of IPv4 packets it says nothing.
            "58" if ipv6_cidr_block.is_some() => icmp = Some(type_and_code(self.icmp)?),
            _ => {}
        }
        Ok(network_acl_entry::Model {
            network_acl_id: acl.network_acl_id.clone(),
            is_egress: self.is_egress,
            rule_number,
            account_id: acl.account_id.clone(),
            protocol,
            rule_action: self.rule_action.to_owned(),
            cidr_block,
            ipv6_cidr_block,
            from_port: ports.map(|(from, _)| from),
            to_port: ports.map(|(_, to)| to),
            icmp_type: icmp.map(|(kind, _)| kind),
            icmp_code: icmp.map(|(_, code)| code),
        })
    }

    /// The one of IPv4 or the one of IPv6.
    fn block(&self) -> Result<(Option<String>, Option<String>), Fault> {
        let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        match (given(self.cidr_block), given(self.ipv6_cidr_block)) {
            (Some(block), None) => Ok((Some(cidr::parse("cidrBlock", &block)?.to_string()), None)),
            (None, Some(block)) => Ok((None, Some(cidr::parse_ipv6("ipv6CidrBlock", &block)?.to_string()))),
            (None, None) => Err(missing("cidrBlock or ipv6CidrBlock")),
            (Some(_), Some(_)) => {
                let message = "The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock. Make a rule for each.";
                Err(Fault::new(ErrorCode::InvalidParameterCombination, message))
            }
        }
    }
}

fn invalid(message: String) -> Fault {
    Fault::new(ErrorCode::InvalidParameterValue, message)
}

/// A protocol as an ACL has it: by its number.
fn number(word: &str) -> Result<String, Fault> {
    if word.is_empty() {
        return Err(missing("protocol"));
    }
    let unknown = |_| invalid(format!("Value ({word}) for parameter protocol is invalid. Unknown protocol."));
    Ok(match Protocol::parse(word).map_err(unknown)? {
        Protocol::Tcp => "6".into(),
        Protocol::Udp => "17".into(),
        Protocol::Icmp => "1".into(),
        Protocol::Icmpv6 => "58".into(),
        other => other.to_string(),
    })
}

fn port_range(given: Option<&ec2::PortRange>) -> Result<(i32, i32), Fault> {
    let (Some(from), Some(to)) = (given.and_then(|range| range.from), given.and_then(|range| range.to)) else {
        return Err(missing("portRange, From and To, with protocol 6 (TCP) or 17 (UDP)"));
    };
    if !(0..=65535).contains(&from) || !(from..=65535).contains(&to) {
        return Err(invalid(format!("Invalid port range ({from}:{to}). Ports are from 0 to 65535, the smaller one first.")));
    }
    Ok((from, to))
}

fn type_and_code(given: Option<&ec2::IcmpTypeCode>) -> Result<(i32, i32), Fault> {
    let (Some(kind), Some(code)) = (given.and_then(|icmp| icmp.r#type), given.and_then(|icmp| icmp.code)) else {
        return Err(missing("icmpTypeCode, Type and Code, with protocol 1 (ICMP) or 58 (ICMPv6)"));
    };
    if !(-1..=255).contains(&kind) || !(-1..=255).contains(&code) || (kind == -1 && code != -1) {
        let message =
            format!("Invalid ICMP type and code ({kind}:{code}). Each is from 0 to 255, or -1 for all; all types have all codes.");
        return Err(invalid(message));
    }
    Ok((kind, code))
}

/// Refuses a direction with more rules than it may have.
pub async fn check_limit(tx: &Tx, acl: &network_acl::Model, is_egress: bool) -> Outcome<()> {
    let of_acl = network_acl_entry::Entity::find().filter(network_acl_entry::Column::NetworkAclId.eq(&acl.network_acl_id));
    if of_acl.filter(network_acl_entry::Column::IsEgress.eq(is_egress)).count(tx.db()).await? > MOST_RULES {
        let message =
            format!("A network ACL has at most {MOST_RULES} rules for each direction. Delete some of '{}' first.", acl.network_acl_id);
        return Err(Fault::new(ErrorCode::NetworkAclEntryLimitExceeded, message).into());
    }
    Ok(())
}

/// A rule by its number, for those who change it.
pub async fn entry(tx: &Tx, acl: &network_acl::Model, is_egress: bool, number: i32) -> Outcome<network_acl_entry::Model> {
    let key = (acl.network_acl_id.clone(), is_egress, rule_number(number)?);
    let absent = || {
        let direction = if is_egress { "outbound" } else { "inbound" };
        let message =
            format!("The network acl entry identified by {direction} rule number {number} does not exist in '{}'.", acl.network_acl_id);
        Fault::new(ErrorCode::InvalidNetworkAclEntryNotFound, message)
    };
    Ok(network_acl_entry::Entity::find_by_id(key).one(tx.db()).await?.ok_or_else(absent)?)
}
