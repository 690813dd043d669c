//! NAT gateways: each a namespace that is plugged into its VPC's as a guest would be, in place of a hypervisor.
//!
//! ```text
//!   VPC's namespace                                      │ NAT gateway's namespace freehold-HOST-NAT
//!   guest ─ tap ─ groups ─ route to the gateway ─ tap… ══╪══ eth0 ─ forward ─ an own address and a port ─ eth0 ─┐
//!   ext0 ─ private becomes public ─ its subnet's routes ─╪──────────────────────────────────────────────────────┘
//! ```
//!
//! New connections get its addresses by turns, but for those that are to go; one that is open keeps what it began with, as the kernel's table of
//! connections says, and ends with it: under an address that is gone nothing leaves any more.
//!
//! So a gateway is routed to, asked about by ACLs and published as every interface is, from whichever host its users are on. It passes on
//! what a block of the VPC begins and answers to that, and nothing else; it has no service.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::namespace::Namespace;
use super::netlink::{Netlink, Route, Way};
use super::plan::{Interface, VpcPlan};
use super::{Config, Error, names, nft, sysctl, vpc};

const LINK: &str = "eth0";

/// How long a connection may be silent. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>.
const IDLE_SECONDS: &str = "350";

/// Makes the namespace and the pair that joins it to `vpc_namespace`, where it is named as a tap is. Running it twice changes nothing.
pub async fn ensure(config: &Config, plan: &VpcPlan, interface: &Interface, vpc_namespace: &Netlink) -> Result<(), Error> {
    let name = names::namespace(&plan.host_id, &interface.instance_id);
    let namespace = Namespace::ensure(&config.namespace_directory, &name).await.map_err(Error::io("make a namespace"))?;
    namespace.run(vpc::settings).await.map_err(Error::io("set a namespace's sysctls"))?;
    // Before anything can come in.
    nft::load(&namespace, &ruleset(plan, interface)).await?;
    namespace.run(forget_the_idle).await.map_err(Error::io("set a namespace's sysctls"))?;
    let netlink = Netlink::open(&namespace).await?;
    if netlink.index(LINK).await?.is_none() {
        // Its other half may lead to a namespace that is gone.
        if let Some(stale) = vpc_namespace.index(&interface.tap).await? {
            vpc_namespace.delete_link(stale).await?;
        }
        vpc_namespace.add_pair((&interface.tap, vpc::GATEWAY_MAC), (LINK, interface.mac), &namespace).await?;
    }
    let index = netlink.index(LINK).await?.ok_or(Error::Missing("the pair of a NAT gateway"))?;
    netlink.configure(index, interface.mac, config.mtu).await?;
    netlink.addresses(index, &interface.addresses().collect::<BTreeSet<_>>(), |_| false).await?;
    netlink.add_neighbour(index, interface.gateway, vpc::GATEWAY_MAC).await?;
    let out = Route::main(ipnet::Ipv4Net::default(), Way::Via(index, interface.gateway));
    netlink.routes(&BTreeSet::from([out]), &BTreeSet::from([index])).await
}

fn ruleset(plan: &VpcPlan, interface: &Interface) -> String {
    let inside: Vec<String> = plan.blocks.iter().map(ToString::to_string).collect();
    let own: Vec<String> = interface.addresses().map(|address| address.to_string()).collect();
    let (inside, own, given) = (inside.join(", "), own.join(", "), given(interface));
    format!(
        r#"table inet freehold
delete table inet freehold
table inet freehold {{
	set inside {{ type ipv4_addr; flags interval; auto-merge; elements = {{ {inside} }}
	}}
	chain answer_nobody {{
		type filter hook input priority filter; policy drop;
	}}
	chain pass_on {{
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		ip saddr @inside ip daddr != @inside accept
	}}
	chain as_its_own {{
		type nat hook postrouting priority srcnat; policy accept;
		oifname "{LINK}" ip saddr @inside ip saddr != {{ {own} }} snat ip to {given} fully-random
	}}
	chain under_what_it_has {{
		type filter hook postrouting priority srcnat + 10; policy accept;
		oifname "{LINK}" ct direction original ip saddr != {{ {own} }} drop
	}}
}}
"#
    )
}

/// The address of a new connection: of several each in its turn.
fn given(interface: &Interface) -> String {
    let given: Vec<Ipv4Addr> = interface.given().collect();
    if let [only] = given.as_slice() {
        return only.to_string();
    }
    let each: Vec<String> = given.iter().enumerate().map(|(turn, address)| format!("{turn} : {address}")).collect();
    format!("numgen inc mod {} map {{ {} }}", given.len(), each.join(", "))
}

/// The kernel knows the setting once it follows connections.
fn forget_the_idle() -> std::io::Result<()> {
    sysctl::set(&["netfilter", "nf_conntrack_tcp_timeout_established"], IDLE_SECONDS).or_else(vpc::unless_absent)
}
