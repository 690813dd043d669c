//! `freehold net`: the network of hosts as it should be, and what a packet meets in it.
//!
//! The scheduler says what it tells the hosts, and the agent's own pure planner makes the plans of it here: it needs no host that answers.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use freehold_node_agent::desired::Desired;
use freehold_node_agent::network::plan::HostPlan;
use freehold_node_agent::network::plan::shown::Shown;
use freehold_node_agent::network::plan::trace::{Place, Plans, Step, Trace, protocol};
use freehold_proto::internal::host::{ToAgent, to_agent};
use freehold_proto::internal::operator::{HostNetwork, ReadNetworkRequest};
use prost::Message;
use serde::Serialize;

use crate::Failure;
use crate::cli::{Net, Output};
use crate::config::Config;
use crate::{operator, output};

/// What `trace` ends with where the packet, or its answer, is stopped.
const STOPPED: u8 = 3;

/// The driver whose guests send no packets.
const SIMULATED: &str = "simulated";

#[derive(Serialize)]
struct Planned {
    host_id: String,
    hostname: String,
    connected: bool,
    last_seen: String,
    /// Instances here that send no packets: the host makes nothing for them.
    simulated: Vec<String>,
    #[serde(flatten)]
    plan: Shown,
}

pub async fn run(config: &Config, output: Output, command: Net) -> Result<ExitCode, Failure> {
    match command {
        Net::Plan { host } => plan(config, output, host).await,
        Net::Pool(command) => super::pool::run(config, output, command).await.map(|()| ExitCode::SUCCESS),
        Net::Trace { from, to, protocol, port } => trace(config, output, (&from, &to), &protocol, port).await,
    }
}

async fn read(config: &Config, request: ReadNetworkRequest) -> Result<Vec<HostNetwork>, Failure> {
    Ok(operator::call(&config.sockets().operator, operator::connect(config).read_network(request)).await?.hosts)
}

async fn plan(config: &Config, output: Output, host: String) -> Result<ExitCode, Failure> {
    for network in read(config, ReadNetworkRequest { host, ..ReadNetworkRequest::default() }).await? {
        let (plan, simulated) = planned(&network)?;
        let HostNetwork { host_id, hostname, connected, last_seen, .. } = network;
        let planned = Planned { host_id, hostname, connected, last_seen: output::time(last_seen), simulated, plan: plan.shown() };
        match output {
            Output::Json => output::json(&planned)?,
            Output::Table => output::line(&told(&planned).join("\n"))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The plan, and who of it is simulated: planned like any other, so that its rules can be read.
fn planned(network: &HostNetwork) -> Result<(HostPlan, Vec<String>), Failure> {
    let (mut desired, mut simulated) = (Desired::default(), Vec::new());
    for statement in &network.statements {
        match ToAgent::decode(statement.clone())?.kind {
            Some(to_agent::Kind::Instance(mut instance)) => {
                if instance.driver == SIMULATED {
                    simulated.push(instance.instance_id.clone());
                    instance.driver.clear();
                }
                desired.instances.insert(instance.instance_id.clone(), Arc::new(instance));
            }
            Some(to_agent::Kind::Vpc(vpc)) => drop(desired.vpcs.insert(vpc.vpc_id.clone(), Arc::new(vpc))),
            Some(to_agent::Kind::SecurityGroup(group)) => drop(desired.security_groups.insert(group.group_id.clone(), Arc::new(group))),
            Some(to_agent::Kind::NatGateway(gateway)) => {
                drop(desired.nat_gateways.insert(gateway.nat_gateway_id.clone(), Arc::new(gateway)));
            }
            Some(to_agent::Kind::InterfaceElsewhere(interface)) => {
                drop(desired.interfaces_elsewhere.insert(interface.network_interface_id.clone(), Arc::new(interface)));
            }
            Some(to_agent::Kind::PublicAddressElsewhere(public)) => {
                drop(desired.public_elsewhere.insert(public.public_ip_address.clone(), Arc::new(public)));
            }
            Some(to_agent::Kind::TranslatedBlock(block)) => drop(desired.translated.insert(block.cidr_block.clone(), Arc::new(block))),
            _ => {}
        }
    }
    Ok((HostPlan::new(&network.host_id, &desired), simulated))
}

fn told(planned: &Planned) -> Vec<String> {
    let Planned { host_id, hostname, connected, last_seen, simulated, plan } = planned;
    let away = if *connected { String::new() } else { format!(", not connected since {last_seen}: this is what it will be told") };
    let mut lines = vec![format!("{hostname} ({host_id}){away}")];
    if !simulated.is_empty() {
        lines.push(format!("nothing is made for what is simulated: {}", simulated.join(" ")));
    }
    lines.extend(plan.lines());
    if plan.vpcs.is_empty() && plan.faults.is_empty() {
        lines.push("nothing is on it".into());
    }
    lines
}

async fn trace(config: &Config, output: Output, ends: (&str, &str), name: &str, port: Option<u16>) -> Result<ExitCode, Failure> {
    let number = protocol(name).ok_or_else(|| format!("'{name}' is no protocol: say tcp, udp, icmp, or a number"))?;
    if matches!(name, "tcp" | "udp") && port.is_none() {
        return Err(format!("which port of {name}?").into());
    }
    let endpoints = vec![ends.0.to_owned(), ends.1.to_owned()];
    let networks = read(config, ReadNetworkRequest { endpoints, ..ReadNetworkRequest::default() }).await?;
    let plans = networks.iter().map(|network| Ok((network.hostname.clone(), planned(network)?.0))).collect::<Result<_, Failure>>()?;
    let plans = Plans(plans);
    let vpc_of = |place: &Place<'_>| if let Place::Guest(guest) = place { Some(guest.vpc.vpc_id.clone()) } else { None };
    // Either may say which VPC an address of the other is in.
    let hint = [ends.0, ends.1].into_iter().filter(|end| end.parse::<Ipv4Addr>().is_err());
    let hint = hint.filter_map(|end| plans.place(end, None).ok()).find_map(|place| vpc_of(&place));
    let from = plans.place(ends.0, hint.as_deref())?;
    let to = plans.place(ends.1, vpc_of(&from).or(hint).as_deref())?;
    let trace = plans.trace(from, to, ends.1.parse().ok(), number, port);
    match output {
        Output::Json => output::json(&trace)?,
        Output::Table => output::line(&followed(&trace).join("\n"))?,
    }
    Ok(if trace.passes { ExitCode::SUCCESS } else { ExitCode::from(STOPPED) })
}

fn followed(trace: &Trace) -> Vec<String> {
    let line = |step: &Step| format!("{:<4} {:<8} {}", if step.passes { "ok" } else { "STOP" }, step.asked, step.by);
    let mut lines: Vec<String> = trace.there.iter().map(line).collect();
    if !trace.back.is_empty() {
        lines.push("and its answer:".into());
        lines.extend(trace.back.iter().map(line));
    }
    lines.push(if trace.passes { "it passes".into() } else { "it is stopped".to_owned() });
    lines
}
