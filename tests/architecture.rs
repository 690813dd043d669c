//! The rules of docs/ARCHITECTURE.md that a machine can hold, beside those that deny.toml holds for what is linked.

#![expect(clippy::expect_used, reason = "a test that can not read the checkout fails where it notices")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SERVICES: [&str; 4] = ["api-gateway", "scheduler", "node-agent", "image-store"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(folder: &str) -> toml::Table {
    let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("manifest");
    text.parse().expect("TOML")
}

/// What a crate needs to be built for use, not for its tests.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = manifest(folder);
    let tables = [manifest.get("dependencies"), manifest.get("build-dependencies")];
    tables.into_iter().flatten().filter_map(toml::Value::as_table).flat_map(|table| table.keys().cloned()).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// A file's text up to its tests, without comments.
fn product_code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("source");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The sources of what ships: without modules that exist in tests only, and what lies below them.
fn product_sources(folder: &Path) -> Vec<PathBuf> {
    let sources = sources(folder);
    let mut tests = BTreeSet::new();
    for path in &sources {
        let text = std::fs::read_to_string(path).expect("source");
        let after =
            text.split("#[cfg(test)]\n").skip(1).map(|rest| rest.trim_start_matches("pub").trim_start_matches("(crate)").trim_start());
        let declared = after.filter_map(|rest| rest.strip_prefix("mod ")?.split_once(';'));
        tests.extend(declared.map(|(name, _)| name.to_owned()));
    }
    let in_tests = |path: &Path| {
        let below = path.strip_prefix(folder).expect("below").with_extension("");
        below.components().any(|part| tests.contains(&*part.as_os_str().to_string_lossy()))
    };
    sources.iter().filter(|path| !in_tests(path)).cloned().collect()
}

#[test]
fn a_service_knows_the_contracts_and_no_other_service() {
    let contracts = ["freehold-proto", "freehold-link", "freehold-wire"];
    for service in SERVICES {
        let ours: Vec<_> = dependencies(service).into_iter().filter(|name| name.starts_with("freehold")).collect();
        assert!(ours.iter().all(|name| contracts.contains(&name.as_str())), "{service} depends on {ours:?}");
    }
    for contract in ["proto", "proto/link", "proto/wire"] {
        let ours = dependencies(contract);
        let services = SERVICES.map(|service| format!("freehold-{service}"));
        assert!(services.iter().all(|service| !ours.contains(service)), "{contract} depends on a service: {ours:?}");
    }
}

/// It puts the parts together as the binary does, and nobody takes anything from it.
#[test]
fn the_simulation_is_used_by_nothing_that_ships() {
    assert!(dependencies("simulation").contains("freehold-scheduler"), "it drives the product's own parts");
    for user in SERVICES.into_iter().chain([".", "proto", "proto/link", "proto/wire", "xtask"]) {
        assert!(!dependencies(user).contains("freehold-simulation"), "{user} uses the simulation");
    }
}

#[test]
fn a_crate_with_one_home_is_named_nowhere_else() {
    let homes = [("sea-orm", "scheduler"), ("sea-orm-migration", "scheduler"), ("quick-xml", "api-gateway"), ("rtnetlink", "node-agent")];
    let users = |name| -> Vec<_> {
        SERVICES.into_iter().chain([".", "proto", "proto/link"]).filter(|at| dependencies(at).contains(name)).collect()
    };
    for (name, home) in homes {
        assert_eq!(users(name), [home], "{name}");
    }
    // The gateway refuses what a request asks and is not done, the scheduler what a launch template asks: by one table.
    assert_eq!(users("freehold-wire"), ["api-gateway", "scheduler"]);
}

#[test]
fn the_gateway_has_no_message_types_and_no_code_per_action() {
    let listed: toml::Table = std::fs::read_to_string(root().join("proto/actions.toml")).expect("actions").parse().expect("TOML");
    let actions = action_names(&listed);
    assert!(actions.contains("RunInstances") && actions.contains("GetCallerIdentity"), "actions.toml is read wrongly: {actions:?}");
    let sources = product_sources(&root().join("api-gateway/src"));
    assert!(sources.len() >= 20, "only {} sources", sources.len());
    for path in &sources {
        let code = product_code(path);
        assert!(!code.contains("freehold_proto::aws"), "{} names AWS's message types", path.display());
        for action in &actions {
            assert!(!code.contains(action.as_str()), "{} has code for {action}", path.display());
        }
    }
}

/// The actions of actions.toml: `[SERVICE.FAMILY.ACTION]`.
fn action_names(listed: &toml::Table) -> BTreeSet<String> {
    let services = listed.iter().filter(|(name, _)| *name != "model").filter_map(|(_, service)| service.as_table());
    let families = services.flat_map(|service| service.values()).filter_map(toml::Value::as_table);
    families.flat_map(|family| family.keys().cloned()).collect()
}

/// What a handler does inside its transaction must not wait for another process: it has no means to.
#[test]
fn code_that_is_given_a_transaction_can_reach_no_other_process() {
    let ways_out = [
        // Of what the crate has, the words for who a part is reach nobody.
        "freehold_link::{",
        "freehold_link::Service",
        "freehold_link::tls",
        "freehold_link::unix",
        "tonic::transport",
        "tokio::net",
        "UnixStream",
        "TcpStream",
        "tokio::process",
        "std::process::Command",
        "console::",
    ];
    let mut looked_at = 0;
    for path in product_sources(&root().join("scheduler/src")) {
        let code = product_code(&path);
        if code.contains("&mut Tx") || code.contains("&Tx") {
            looked_at += 1;
            let found: Vec<_> = ways_out.iter().filter(|way| code.contains(**way)).collect();
            assert!(found.is_empty(), "{} has a transaction and {found:?}", path.display());
        }
    }
    assert!(looked_at >= 10, "only {looked_at} files with a transaction: this test looks for the wrong words");
}

/// `reconcilers!` runs what it names, and has the two standard tests of each: one that it does not name has neither.
#[test]
fn every_reconciler_runs_and_has_the_two_standard_tests() {
    let folder = root().join("scheduler/src/reconcile");
    let list = std::fs::read_to_string(folder.join("mod.rs")).expect("source");
    let (_, named) = list.split_once("\nreconcilers!(").expect("the list of reconcilers");
    let named: BTreeSet<_> = named.split(')').next().unwrap_or_default().split(',').map(|name| name.trim().to_owned()).collect();
    let mut there = BTreeSet::new();
    for path in product_sources(&root().join("scheduler/src")) {
        let code = product_code(&path);
        there.extend(code.split("Reconciler for ").skip(1).filter_map(|rest| Some(rest.split_once(" {")?.0.to_owned())));
    }
    assert!(there.len() >= 3, "only {there:?}: this test looks for the wrong words");
    assert_eq!(named, there);
}

/// A query is answered from the World: it has no database to ask.
#[test]
fn a_query_reaches_no_database() {
    let engine = std::fs::read_to_string(root().join("scheduler/src/engine/mod.rs")).expect("the engine");
    let ask = engine.split("pub struct Ask {").nth(1).and_then(|rest| rest.split('}').next()).expect("what a query may use");
    assert!(ask.contains("world: Arc<World>"), "{ask}");
    assert!(!["Store", "Database", "Engine"].iter().any(|way| ask.contains(way)), "a query may use {ask}");
    let mut queries = 0;
    for path in product_sources(&root().join("scheduler/src")) {
        let code = product_code(&path);
        if code.contains("impl Query for") {
            queries += 1;
            let found: Vec<_> = ["sea_orm", "reader()", "store::Store", "Store,"].into_iter().filter(|way| code.contains(way)).collect();
            assert!(found.is_empty(), "{} answers a query and has {found:?}", path.display());
        }
    }
    assert!(queries >= 10, "only {queries} files with a query: this test looks for the wrong words");
}

#[test]
fn no_file_is_named_for_being_a_heap() {
    for service in SERVICES.into_iter().chain(["proto", "proto/link", "proto/wire", "xtask", "simulation", "."]) {
        let written = sources(&root().join(service).join("src"));
        for path in written.iter().filter(|path| !path.components().any(|part| part.as_os_str() == "generated")) {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            assert!(!["utils", "util", "helpers", "helper", "manager", "common", "misc"].contains(&stem), "{}", path.display());
        }
    }
}
