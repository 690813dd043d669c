//! The sums that the database keeps in the hosts' rows are what the rows of instances and volumes add up to, whatever was done.

use freehold_proto::aws::ec2;
use sea_orm::EntityTrait;

use crate::lab::{Agent, Lab, eventually};
use crate::store::{Store, host, instance, volume};

/// Instances, vCPUs, memory, disk of each host: as kept, and as added up.
async fn sums(store: &Store) -> (Vec<[i64; 4]>, Vec<[i64; 4]>) {
    let hosts = host::Entity::find().all(store.reader()).await.expect("hosts");
    let instances = instance::Entity::find().all(store.reader()).await.expect("instances");
    let volumes = volume::Entity::find().all(store.reader()).await.expect("volumes");
    let kept = hosts.iter().map(|host| [host.instances, host.vcpus_used, host.memory_mib_used, host.disk_mib_used]).collect();
    let added = hosts.iter().map(|host| {
        let here = || instances.iter().filter(|row| row.host_id.as_ref() == Some(&host.host_id) && row.state != "terminated");
        let asleep = |row: &instance::Model| row.state == "stopped" || (row.state == "shutting-down" && row.ended_from == "stopped");
        let awake = || here().filter(|row| !asleep(row));
        let disks = volumes.iter().filter(|row| row.host_id.as_ref() == Some(&host.host_id));
        [
            i64::try_from(here().count()).expect("few"),
            awake().map(|row| i64::from(row.vcpus)).sum(),
            awake().map(|row| row.memory_mib).sum(),
            disks.map(|row| row.size_gib * 1024).sum(),
        ]
    });
    (kept, added.collect())
}

/// The same numbers in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }
}

#[tokio::test]
async fn what_the_hosts_rows_say_is_what_their_instances_and_volumes_add_up_to() {
    let lab = Lab::new().await;
    let _agents = [Agent::obedient(&lab).await, Agent::obedient(&lab).await, Agent::obedient(&lab).await];
    let mut numbers = Numbers(0x5eed);
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..80 {
        let chosen = ids.get(numbers.below(ids.len())).cloned();
        match (numbers.below(5), chosen) {
            (1, Some(id)) if lab.state(&id).await == "running" => lab.stop(&id).await,
            // Which a full host refuses.
            (2, Some(id)) if lab.state(&id).await == "stopped" => {
                let start = ec2::StartInstancesRequest { instance_ids: vec![id], ..Default::default() };
                drop(lab.call(crate::lab::ALICE, start).await);
            }
            (3, Some(id)) => lab.terminate(&id).await,
            _ => {
                let kept = ec2::EbsBlockDevice { delete_on_termination: Some(numbers.below(2) == 0), ..Default::default() };
                let mapping = ec2::BlockDeviceMapping { device_name: Some("/dev/xvda".into()), ebs: Some(kept), ..Default::default() };
                let launch = ec2::RunInstancesRequest { max_count: 2, block_device_mappings: vec![mapping], ..lab.launch() };
                if let Ok(launched) = lab.call(crate::lab::ALICE, launch).await {
                    ids.extend(launched.instances.into_iter().filter_map(|instance| instance.instance_id));
                }
            }
        }
        eventually("the sums are right", async || {
            let (kept, added) = sums(lab.store()).await;
            kept == added
        })
        .await;
    }
    let (kept, _) = sums(lab.store()).await;
    assert!(kept.iter().all(|sums| sums.iter().any(|sum| *sum > 0)), "each host was used: {kept:?}");
}

#[tokio::test]
async fn a_full_host_that_is_away_is_promised_to_no_more_by_the_end_of_what_was_stopped() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let launch =
        |count| ec2::RunInstancesRequest { min_count: count, max_count: count, instance_type: Some("t3.large".into()), ..lab.launch() };
    let launched = lab.ok(launch(2)).await.instances;
    let id = launched.into_iter().find_map(|instance| instance.instance_id).expect("an id");
    lab.until_state(&id, "running").await;
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    // Of 16 GiB 8 are taken; the next takes what the stopped one gave back.
    lab.ok(launch(1)).await;
    assert_eq!(lab.code(launch(1)).await, freehold_proto::ErrorCode::InsufficientInstanceCapacity);
    let before = sums(lab.store()).await;
    agent.leave();
    lab.terminate(&id).await;
    assert_eq!((lab.state(&id).await.as_str(), sums(lab.store()).await), ("shutting-down", before));
}
