//! The hosts against the rows: each holds what it should and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::Checked;
use super::rows::{Instance, Rows, WhereItIs};
use crate::host::Host;
use crate::run::Broken;

/// At rest, with every host attending.
pub fn hold_what_they_should(rows: &Rows, hosts: &[Host]) -> Checked {
    held_once(hosts)?;
    let mut holdings = Vec::new();
    for host in hosts {
        let Some(agent) = &host.agent else { return Err(Broken::new("it comes to rest", format!("host {} has no agent", host.number))) };
        let host_id = agent.hello().host_id;
        let own = |row: &&Instance| row.host_id == host_id && row.state != "terminated";
        let own: BTreeMap<&String, &Instance> = rows.instances.iter().filter(|(_, row)| own(row)).collect();
        nothing_else(host, &own)?;
        holdings.push((host, own));
        if rows.quarantined.iter().any(|(id, quarantined)| *id == host_id && quarantined != "[]") {
            return Err(Broken::new("nothing is without an owner", format!("host {} has something in quarantine", host.number)));
        }
    }
    for (host, own) in holdings {
        knows_its_networks(host, &own, rows)?;
        own.into_iter().try_for_each(|(id, row)| as_desired(host, id, row))?;
    }
    Ok(())
}

fn nothing_else(host: &Host, own: &BTreeMap<&String, &Instance>) -> Checked {
    let rule = "nothing is without an owner";
    let strange = |id: &String| !own.contains_key(id);
    if let Some(id) = host.guests().into_keys().find(strange) {
        return Err(Broken::new(rule, format!("host {} has a guest {id}, which is nobody's there", host.number)));
    }
    for folder in ["plan/instances", "plan/tombstones", "records"] {
        if let Some(id) = host.remains(folder).into_iter().find(strange) {
            return Err(Broken::new(rule, format!("host {} keeps {folder}/{id}, which is nobody's there", host.number)));
        }
    }
    for folder in ["plan/vpcs", "plan/security-groups"] {
        if let Some(id) = host.remains(folder).into_iter().find(|_| own.is_empty()) {
            return Err(Broken::new(rule, format!("host {} keeps {folder}/{id} for no instance", host.number)));
        }
    }
    Ok(())
}

/// The VPCs of its instances with all of their groups, as the rows have them, and no others. And who else is in these VPCs, on other hosts.
fn knows_its_networks(host: &Host, own: &BTreeMap<&String, &Instance>, rows: &Rows) -> Checked {
    let Some(agent) = &host.agent else { return Ok(()) };
    let host_id = agent.hello().host_id;
    let used: BTreeSet<&String> = own.values().map(|row| &row.vpc_id).collect();
    let plan = agent.plan();
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let held = plan.vpcs.iter().map(|(id, vpc)| (id.clone(), (signed(vpc.generation), 0)));
    let held = held.chain(plan.security_groups.iter().map(|(id, group)| {
        let rules = i64::try_from(group.rules.len()).unwrap_or(i64::MAX);
        (id.clone(), (signed(group.generation), rules))
    }));
    let vpcs = rows.vpcs.iter().filter(|(id, _)| used.contains(id)).map(|(id, generation)| (id.clone(), (*generation, 0)));
    let groups = rows.groups.iter().filter(|group| used.contains(&group.vpc_id));
    let groups = groups.map(|group| (group.id.clone(), (group.generation, group.rules)));
    let (held, wanted): (BTreeMap<_, _>, BTreeMap<_, _>) = (held.collect(), vpcs.chain(groups).collect());
    let known: BTreeMap<&String, WhereItIs> = plan
        .interfaces_elsewhere
        .iter()
        .map(|(id, it)| (id, (it.tunnel_address.clone(), it.private_ip_addresses.clone(), it.security_group_ids.clone())))
        .collect();
    let elsewhere = rows.interfaces.iter().filter(|it| it.host_id != host_id && used.contains(&it.vpc_id));
    let elsewhere: BTreeMap<&String, WhereItIs> = elsewhere.map(|it| (&it.id, it.known.clone())).collect();
    if known != elsewhere {
        let what = format!("host {} takes {known:?} to be elsewhere, and there is {elsewhere:?}", host.number);
        return Err(Broken::new("a host knows who is on other hosts", what));
    }
    if held == wanted {
        return Ok(());
    }
    Err(Broken::new("a host knows its networks", format!("host {} knows {held:?}, and there is {wanted:?}", host.number)))
}

/// Plan, guest, report and row say the same.
fn as_desired(host: &Host, id: &str, row: &Instance) -> Checked {
    let broken = |what: String| Err(Broken::new("a host holds what it should", format!("{id} on host {}: {what}", host.number)));
    let Some(agent) = &host.agent else { return Ok(()) };
    let desired = agent.plan();
    let Some(desired) = desired.instances.get(id) else { return broken("it is not in the plan".into()) };
    let held = i64::try_from(desired.generation).unwrap_or(i64::MAX);
    if held != row.generation {
        return broken(format!("planned at {held}, the row is at {}", row.generation));
    }
    let on = host.guests().get(id).is_some_and(|guest| guest.on);
    if on != (row.state == "running") || (row.desired_power == "running") != on {
        return broken(format!("its guest is on: {on}, and it is {}, wanted {}", row.state, row.desired_power));
    }
    let Some(observed) = agent.observed(id) else { return broken("nothing was observed of it".into()) };
    let word = format!("{:?}", observed.state()).to_lowercase();
    if word != row.observed_state || row.observed_generation != row.generation {
        return broken(format!("it observes {word}, and the row has {} of {}", row.observed_state, row.observed_generation));
    }
    Ok(())
}

fn held_once(hosts: &[Host]) -> Checked {
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    for (id, at) in hosts.iter().flat_map(|host| host.guests().into_keys().map(move |id| (id, host.number))) {
        if let Some(other) = holders.insert(id.clone(), at) {
            return Err(Broken::new("nothing is owned twice", format!("{id} is on host {other} and on host {at}")));
        }
    }
    Ok(())
}
