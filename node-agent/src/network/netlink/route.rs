//! Routes, in as many tables as there are, and the rules that say which table a packet's route is in.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use nix::libc;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{IpVersion, RouteMessageBuilder, RuleAddRequest};

use super::{Error, Netlink, ignoring};

/// Marks the routes that are ours, as `ip route` shows it ("proto 70"); others are left alone.
const PROTOCOL: RouteProtocol = RouteProtocol::Other(70);

/// The kernel asks its own tables before (0, local addresses) and after what is ours.
const LOCAL: u32 = 0;
const MAIN: u32 = 32_766;
const DEFAULT: u32 = 32_767;

/// A route of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub table: u32,
    pub to: Ipv4Net,
    pub way: Way,
    pub source: Option<Ipv4Addr>,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Nowhere: the sender is told.
    Unreachable,
    /// To whatever the tables that are asked later say.
    Elsewhere,
    /// Over the interface of this index, where the destination itself is.
    Link(u32),
    /// Over an interface to a next hop, which need not be on a common subnet.
    Via(u32, Ipv4Addr),
}

/// A packet that came in over `from`, with this mark if one is named, is routed by `table`. Rules are asked by `priority`, the lowest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    pub priority: u32,
    pub from: String,
    pub mark: Option<u32>,
    pub table: u32,
}

impl Route {
    /// In the table that every namespace has.
    pub fn main(to: Ipv4Net, way: Way) -> Self {
        Self { table: RouteHeader::RT_TABLE_MAIN.into(), to, way, source: None }
    }

    fn message(&self) -> RouteMessage {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().protocol(PROTOCOL).destination_prefix(self.to.addr(), self.to.prefix_len());
        let route = route.table_id(self.table);
        let route = match self.way {
            Way::Unreachable => route.kind(RouteType::Unreachable),
            Way::Elsewhere => route.kind(RouteType::Throw),
            Way::Link(link) => route.output_interface(link).scope(RouteScope::Link),
            Way::Via(link, next) => route.output_interface(link).gateway(next).onlink(),
        };
        match self.source {
            Some(source) => route.pref_source(source).build(),
            None => route.build(),
        }
    }

    fn read(message: &RouteMessage) -> Self {
        let (mut link, mut via) = (None, None);
        let mut route = Self { table: message.header.table.into(), to: Ipv4Net::default(), way: Way::Unreachable, source: None };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                    route.to = Ipv4Net::new(*address, message.header.destination_prefix_length).unwrap_or_default();
                }
                RouteAttribute::Oif(index) => link = Some(*index),
                RouteAttribute::Gateway(RouteAddress::Inet(next)) => via = Some(*next),
                RouteAttribute::PrefSource(RouteAddress::Inet(source)) => route.source = Some(*source),
                RouteAttribute::Table(table) => route.table = *table,
                _ => {}
            }
        }
        route.way = match (message.header.kind, link, via) {
            (RouteType::Throw, ..) => Way::Elsewhere,
            // The kernel names the loopback link for a route that leads nowhere.
            (RouteType::Unreachable, ..) | (_, None, _) => Way::Unreachable,
            (_, Some(link), None) => Way::Link(link),
            (_, Some(link), Some(next)) => Way::Via(link, next),
        };
        route
    }

    /// The interface that it leads over.
    pub fn link(&self) -> Option<u32> {
        match self.way {
            Way::Link(link) | Way::Via(link, _) => Some(link),
            Way::Unreachable | Way::Elsewhere => None,
        }
    }
}

impl Netlink {
    /// Our routes over links that `ours` names (or over none) are exactly these, whatever they were.
    pub async fn routes(&self, wanted: &BTreeSet<Route>, ours: &BTreeSet<u32>) -> Result<(), Error> {
        let there: BTreeSet<Route> = self.our_routes().await?.iter().map(Route::read).collect();
        let judged = there.into_iter().filter(|route| route.link().is_none_or(|link| ours.contains(&link))).collect();
        self.routes_since(wanted, &judged).await
    }

    /// Our routes are these, where they were `known`.
    pub async fn routes_since(&self, wanted: &BTreeSet<Route>, known: &BTreeSet<Route>) -> Result<(), Error> {
        for route in wanted.difference(known) {
            let added = self.handle.route().add(route.message()).replace().execute().await;
            added.map_err(Error::netlink("add a route"))?;
        }
        let stay: BTreeSet<(u32, Ipv4Net)> = wanted.iter().map(|route| (route.table, route.to)).collect();
        // What replaced one has taken it away.
        for route in known.iter().filter(|route| !stay.contains(&(route.table, route.to))) {
            let deleted = self.handle.route().del(route.message()).execute().await;
            ignoring(libc::ESRCH, deleted).map_err(Error::netlink("delete a route"))?;
        }
        Ok(())
    }

    /// The rules of the namespace are the kernel's own and these, whatever they were.
    pub async fn rules(&self, wanted: &BTreeSet<Rule>) -> Result<(), Error> {
        let listed = self.handle.rule().get(IpVersion::V4).execute();
        let there: Vec<RuleMessage> = listed.try_collect().await.map_err(Error::netlink("list rules"))?;
        let mut known = BTreeSet::new();
        for message in there {
            match Rule::read(&message) {
                None => {}
                Some(rule) if wanted.contains(&rule) => drop(known.insert(rule)),
                Some(_) => self.delete_rule(message).await?,
            }
        }
        self.rules_since(wanted, &known).await
    }

    /// The rules are these, where they were `known`.
    pub async fn rules_since(&self, wanted: &BTreeSet<Rule>, known: &BTreeSet<Rule>) -> Result<(), Error> {
        for rule in wanted.difference(known) {
            let added = self.rule(rule).execute().await;
            ignoring(libc::EEXIST, added).map_err(Error::netlink("add a rule"))?;
        }
        for rule in known.difference(wanted) {
            self.delete_rule(self.rule(rule).message_mut().clone()).await?;
        }
        Ok(())
    }

    fn rule(&self, rule: &Rule) -> RuleAddRequest<Ipv4Addr> {
        let added = self.handle.rule().add().v4().input_interface(rule.from.clone()).table_id(rule.table).priority(rule.priority);
        let added = added.action(RuleAction::ToTable);
        match rule.mark {
            Some(mark) => added.fw_mark(mark),
            None => added,
        }
    }

    async fn delete_rule(&self, message: RuleMessage) -> Result<(), Error> {
        let deleted = self.handle.rule().del(message).execute().await;
        ignoring(libc::ENOENT, deleted).map_err(Error::netlink("delete a rule"))
    }

    /// Interfaces over which a default route leads.
    pub async fn default_links(&self) -> Result<BTreeSet<u32>, Error> {
        let routes = self.list_routes().await?;
        let main = |route: &&RouteMessage| route.header.table == RouteHeader::RT_TABLE_MAIN && route.header.destination_prefix_length == 0;
        Ok(routes.iter().filter(main).filter_map(|route| Route::read(route).link()).collect())
    }

    async fn our_routes(&self) -> Result<Vec<RouteMessage>, Error> {
        Ok(self.list_routes().await?.into_iter().filter(|route| route.header.protocol == PROTOCOL).collect())
    }

    async fn list_routes(&self) -> Result<Vec<RouteMessage>, Error> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        self.handle.route().get(all).execute().try_collect().await.map_err(Error::netlink("list routes"))
    }
}

impl Rule {
    /// `None` for the kernel's own.
    fn read(message: &RuleMessage) -> Option<Self> {
        let mut rule = Self { priority: LOCAL, from: String::new(), mark: None, table: message.header.table.into() };
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Priority(priority) => rule.priority = *priority,
                RuleAttribute::Iifname(name) => rule.from.clone_from(name),
                RuleAttribute::Table(table) => rule.table = *table,
                RuleAttribute::FwMark(mark) => rule.mark = Some(*mark),
                _ => {}
            }
        }
        (![LOCAL, MAIN, DEFAULT].contains(&rule.priority)).then_some(rule)
    }
}
