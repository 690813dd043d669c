use std::fs;

use freehold_proto::internal::host::{InterfaceAttachment, ResourceKind};

use super::*;

const ID: &str = "i-0123456789abcdef0";
const OTHER: &str = "i-0123456789abcdef1";

fn instance(id: &str, generation: u64) -> Statement {
    Statement::Instance(InstanceDesired { instance_id: id.to_owned(), generation, ..InstanceDesired::default() })
}

fn tombstone(id: &str, generation: u64) -> Tombstone {
    Tombstone { kind: ResourceKind::Instance.into(), id: id.to_owned(), generation }
}

fn generation(plan: &Plan, id: &str) -> Option<u64> {
    plan.intent(id).desired.map(|desired| desired.generation)
}

fn plan() -> (tempfile::TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::open(durable::Disk::default(), folder.path()).unwrap();
    (folder, plan)
}

#[test]
fn an_older_generation_changes_nothing_and_the_plan_survives() {
    let (folder, plan) = plan();
    assert_eq!(plan.state(vec![instance(ID, 5)]).unwrap(), [ID]);
    assert!(plan.state(vec![instance(ID, 5), instance(ID, 4)]).unwrap().is_empty());
    drop(plan);
    assert_eq!(generation(&Plan::open(durable::Disk::default(), folder.path()).unwrap(), ID), Some(5));
}

#[test]
fn what_a_complete_list_does_not_mention_is_quarantined_and_kept() {
    let (folder, plan) = plan();
    plan.state(vec![instance(ID, 1), instance(OTHER, 1)]).unwrap();
    assert_eq!(plan.complete(&BTreeSet::from([ID.to_owned()])).unwrap(), [OTHER]);
    assert!(plan.intent(OTHER).quarantined && plan.intent(OTHER).desired.is_some());
    drop(plan);
    let plan = Plan::open(durable::Disk::default(), folder.path()).unwrap();
    assert!(plan.intent(OTHER).quarantined && !plan.intent(ID).quarantined, "also by an agent that was started again");
    assert_eq!(plan.state(vec![instance(OTHER, 1)]).unwrap(), [OTHER], "a mention ends the quarantine, and is a change");
    assert!(!plan.intent(OTHER).quarantined);
    drop(plan);
    assert!(!Plan::open(durable::Disk::default(), folder.path()).unwrap().intent(OTHER).quarantined);
}

#[test]
fn a_tombstone_of_an_older_generation_is_refused() {
    let (_folder, plan) = plan();
    plan.state(vec![instance(ID, 5)]).unwrap();
    assert_eq!(plan.entomb(&tombstone(ID, 4)).unwrap(), Entombed::Outdated { held: 5 });
    assert_eq!(plan.intent(ID).tombstone, None);
    assert_eq!(plan.entomb(&tombstone(ID, 5)).unwrap(), Entombed::Accepted);
    assert_eq!(plan.intent(ID).tombstone, Some(5));
}

#[test]
fn an_accepted_tombstone_survives_and_what_is_buried_does_not_come_back() {
    let (folder, plan) = plan();
    plan.state(vec![instance(ID, 5)]).unwrap();
    plan.entomb(&tombstone(ID, 6)).unwrap();
    drop(plan);
    let plan = Plan::open(durable::Disk::default(), folder.path()).unwrap();
    assert_eq!(plan.intent(ID).tombstone, Some(6));
    plan.withdraw::<InstanceDesired>(ID).unwrap();
    assert!(plan.holds(ID), "until it is closed");
    plan.close(ID).unwrap();
    assert!(!plan.holds(ID));
    plan.state(vec![instance(ID, 6)]).unwrap();
    assert!(!plan.holds(ID), "a late statement");
    for kind in ["instances", "tombstones"] {
        assert_eq!(fs::read_dir(folder.path().join(kind)).unwrap().count(), 0, "{kind}");
    }
}

#[test]
fn a_damaged_file_is_set_aside_and_the_rest_is_loaded() {
    let (folder, plan) = plan();
    plan.state(vec![instance(ID, 5), instance(OTHER, 2)]).unwrap();
    let path = folder.path().join("instances").join(ID);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let plan = Plan::open(durable::Disk::default(), folder.path()).unwrap();
    assert_eq!((generation(&plan, ID), generation(&plan, OTHER)), (None, Some(2)));
    assert!(path.with_extension("damaged").exists());
    plan.held(ID);
    assert!(plan.intent(ID).quarantined);
}

#[test]
fn an_id_that_is_a_path_is_refused() {
    let (folder, plan) = plan();
    plan.state(vec![instance("../../escaped", 1)]).unwrap();
    let mut desired = InstanceDesired { instance_id: ID.to_owned(), generation: 1, ..InstanceDesired::default() };
    desired.interfaces.push(InterfaceAttachment { network_interface_id: "eni-x".to_owned(), ..InterfaceAttachment::default() });
    plan.state(vec![Statement::Instance(desired)]).unwrap();
    assert!(plan.instance_ids().is_empty());
    assert!(!folder.path().parent().unwrap().join("escaped").exists());
}

#[test]
fn followers_see_one_consistent_view() {
    let (_folder, plan) = plan();
    let follower = plan.subscribe();
    plan.state(vec![instance(ID, 1), instance(OTHER, 1)]).unwrap();
    assert_eq!(follower.borrow().instances.len(), 2);
}

#[test]
fn a_quarantined_instance_that_is_buried_leaves_no_mark() {
    let (folder, plan) = plan();
    plan.state(vec![instance(ID, 1)]).unwrap();
    plan.complete(&BTreeSet::new()).unwrap();
    plan.entomb(&tombstone(ID, 1)).unwrap();
    plan.withdraw::<InstanceDesired>(ID).unwrap();
    plan.close(ID).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("quarantined")).unwrap().count(), 0);
}

#[test]
fn what_could_not_be_written_is_news_when_it_is_stated_again() {
    let (folder, plan) = plan();
    let obstacle = folder.path().join("instances").join(OTHER).with_extension("new");
    fs::create_dir(&obstacle).unwrap();
    assert!(plan.state(vec![instance(ID, 1), instance(OTHER, 1)]).is_err());
    assert!(plan.instance_ids().is_empty() && plan.subscribe().borrow().instances.is_empty());
    fs::remove_dir(obstacle).unwrap();
    assert_eq!(plan.state(vec![instance(ID, 1), instance(OTHER, 1)]).unwrap(), [ID, OTHER]);
}

#[test]
fn of_two_statements_at_once_the_newer_counts() {
    let (folder, plan) = plan();
    assert_eq!(plan.state(vec![instance(ID, 2), instance(ID, 1)]).unwrap(), [ID]);
    assert_eq!(generation(&plan, ID), Some(2));
    assert_eq!(generation(&Plan::open(durable::Disk::default(), folder.path()).unwrap(), ID), Some(2));
}

#[test]
fn a_newer_generation_that_says_the_same_is_no_news_and_keeps_older_ones_out() {
    let (folder, plan) = plan();
    let vpc = |generation, cidr_block: &str| {
        Statement::Vpc(VpcDesired {
            vpc_id: "vpc-0123456789abcdef0".to_owned(),
            generation,
            cidr_block: cidr_block.to_owned(),
            ..VpcDesired::default()
        })
    };
    plan.state(vec![vpc(1, "10.0.0.0/16")]).unwrap();
    let mut follower = plan.subscribe();
    follower.mark_unchanged();
    plan.state(vec![vpc(3, "10.0.0.0/16")]).unwrap();
    assert!(!follower.has_changed().unwrap());
    plan.state(vec![vpc(2, "10.2.0.0/16")]).unwrap();
    assert!(!follower.has_changed().unwrap(), "older than what is known");
    let restarted = Plan::open(crate::durable::Disk::default(), folder.path()).unwrap();
    restarted.state(vec![vpc(2, "10.2.0.0/16")]).unwrap();
    assert_eq!(restarted.generation::<VpcDesired>("vpc-0123456789abcdef0"), Some(3), "and older than what an agent after this one knows");
    plan.state(vec![vpc(4, "10.4.0.0/16")]).unwrap();
    assert!(follower.has_changed().unwrap());
    let stated =
        Arc::clone(&Plan::open(crate::durable::Disk::default(), folder.path()).unwrap().subscribe().borrow().vpcs["vpc-0123456789abcdef0"]);
    assert_eq!((stated.generation, stated.cidr_block.as_str()), (4, "10.4.0.0/16"));
}

fn elsewhere(number: usize, tunnel_address: &str) -> InterfaceElsewhere {
    InterfaceElsewhere {
        network_interface_id: format!("eni-{number:017x}"),
        vpc_id: "vpc-0123456789abcdef0".to_owned(),
        tunnel_address: tunnel_address.to_owned(),
        private_ip_addresses: vec!["10.0.0.5".to_owned()],
        ..InterfaceElsewhere::default()
    }
}

fn known(plan: &Plan) -> Vec<String> {
    plan.all().interfaces_elsewhere.values().map(|known| format!("{}@{}", known.network_interface_id, known.tunnel_address)).collect()
}

#[test]
fn what_is_known_of_other_hosts_interfaces_is_what_was_said_last_also_after_a_restart() {
    let (folder, plan) = plan();
    let [one, other] = [elsewhere(1, "10.9.0.1"), elsewhere(2, "10.9.0.1")];
    plan.state(vec![Statement::Elsewhere(one.clone()), Statement::Elsewhere(other)]).unwrap();
    let mut follower = plan.subscribe();
    follower.mark_unchanged();
    plan.state(vec![Statement::Elsewhere(one)]).unwrap();
    assert!(!follower.has_changed().unwrap(), "it says the same");
    plan.state(vec![Statement::Elsewhere(elsewhere(1, "10.9.0.2")), Statement::Elsewhere(elsewhere(2, ""))]).unwrap();
    let moved = format!("{}@10.9.0.2", elsewhere(1, "").network_interface_id);
    assert_eq!((known(&plan), follower.has_changed().unwrap()), (vec![moved.clone()], true));
    drop(plan);
    let plan = Plan::open(durable::Disk::default(), folder.path()).unwrap();
    assert_eq!(known(&plan), [moved]);
}

#[test]
fn an_interface_elsewhere_that_a_complete_list_does_not_mention_is_forgotten_and_so_are_those_of_a_vpc_that_is_buried() {
    let (folder, plan) = plan();
    plan.state((1..=3).map(|number| Statement::Elsewhere(elsewhere(number, "10.9.0.1"))).collect()).unwrap();
    plan.complete(&BTreeSet::from([elsewhere(2, "").network_interface_id])).unwrap();
    assert_eq!(known(&plan), [format!("{}@10.9.0.1", elsewhere(2, "").network_interface_id)]);
    plan.withdraw::<VpcDesired>("vpc-0123456789abcdef0").unwrap();
    assert!(known(&plan).is_empty());
    assert!(known(&Plan::open(durable::Disk::default(), folder.path()).unwrap()).is_empty());
}

#[test]
fn what_is_known_of_public_addresses_elsewhere_is_what_was_said_last_and_was_mentioned() {
    let (folder, plan) = plan();
    let said = |public: &str, tunnel: &str| {
        Statement::PublicElsewhere(PublicAddressElsewhere { public_ip_address: public.into(), tunnel_address: tunnel.into() })
    };
    let known = |plan: &Plan| plan.all().public_elsewhere.values().map(|it| it.tunnel_address.clone()).collect::<Vec<_>>();
    let mut follower = plan.subscribe();
    plan.state(vec![said("198.18.0.1", "10.9.0.1"), said("198.18.0.2", "10.9.0.2"), said("198.18.0.3", "10.9.0.3")]).unwrap();
    assert!(follower.has_changed().unwrap());
    follower.mark_unchanged();
    plan.state(vec![said("198.18.0.1", "10.9.0.1"), said("../1", "10.9.0.1"), said("198.18.0.4", "")]).unwrap();
    assert!(!follower.has_changed().unwrap(), "nothing new, and what is no address");
    plan.state(vec![said("198.18.0.3", ""), said("198.18.0.2", "10.9.0.7")]).unwrap();
    assert_eq!(known(&plan), ["10.9.0.1", "10.9.0.7"]);
    drop(plan);
    let plan = Plan::open(durable::Disk::default(), folder.path()).unwrap();
    assert_eq!(known(&plan), ["10.9.0.1", "10.9.0.7"]);
    plan.complete(&BTreeSet::from(["198.18.0.2".to_owned()])).unwrap();
    assert_eq!(known(&plan), ["10.9.0.7"]);
    assert_eq!(known(&Plan::open(durable::Disk::default(), folder.path()).unwrap()), ["10.9.0.7"]);
}

#[test]
fn pools_that_nobody_beyond_the_hosts_knows_are_those_that_were_said_last_and_were_mentioned() {
    let (folder, plan) = plan();
    let said = |block: &str, withdrawn| Statement::Translated(TranslatedBlock { cidr_block: block.into(), withdrawn });
    let known = |plan: &Plan| plan.all().translated.keys().cloned().collect::<Vec<_>>();
    plan.state(vec![said("203.0.113.0/28", false), said("198.51.100.0/24", false), said("everything", false)]).unwrap();
    assert_eq!(known(&plan), ["198.51.100.0/24", "203.0.113.0/28"]);
    plan.state(vec![said("198.51.100.0/24", true), said("192.0.2.0/24", false)]).unwrap();
    drop(plan);
    let plan = Plan::open(durable::Disk::default(), folder.path()).unwrap();
    assert_eq!(known(&plan), ["192.0.2.0/24", "203.0.113.0/28"]);
    plan.complete(&BTreeSet::from(["203.0.113.0/28".to_owned()])).unwrap();
    assert_eq!(known(&Plan::open(durable::Disk::default(), folder.path()).unwrap()), ["203.0.113.0/28"]);
}

/// Counts what costs: the rest is the machine's.
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicUsize);

impl durable::Files for Counting {
    fn make_folder(&self, path: &Path) -> std::io::Result<()> {
        durable::Machine.make_folder(path)
    }

    fn list(&self, folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
        durable::Machine.list(folder)
    }

    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        durable::Machine.read(path)
    }

    fn write(&self, path: &Path, content: &[&[u8]], _: bool) -> std::io::Result<()> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        durable::Machine.write(path, content, false)
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        durable::Machine.rename(from, to)
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        durable::Machine.remove(path)
    }

    fn sync_folder(&self, _: &Path) -> std::io::Result<()> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn ten_thousand_interfaces_elsewhere_cost_few_syncs_and_one_that_changes_costs_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let counting = Arc::new(Counting::default());
    let plan = Plan::open(durable::Disk::of(Arc::clone(&counting) as _), folder.path()).unwrap();
    let taken = || counting.0.swap(0, std::sync::atomic::Ordering::SeqCst);
    taken();
    let all: Vec<_> = (0..10_000).map(|number| Statement::Elsewhere(elsewhere(number, "10.9.0.1"))).collect();
    for batch in all.chunks(512) {
        plan.state(batch.to_vec()).unwrap();
    }
    assert!(taken() <= 20 * 17, "sixteen files and their folder for each batch");
    plan.state(vec![Statement::Elsewhere(elsewhere(77, "10.9.0.2"))]).unwrap();
    assert_eq!(taken(), 2, "its file and the folder");
    assert_eq!(known(&Plan::open(durable::Disk::default(), folder.path()).unwrap()).len(), 10_000);
}
