//! A day of the agent's clock while nobody tells it anything: what guests ask for is answered from the last plan.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freehold_node_agent::network::Config;
use freehold_proto::clock::ManualClock;

use crate::lab::{Guest, Lab, World, machine, output, run};

const HOUR: Duration = Duration::from_hours(1);

/// Notes each answer that the client took, and takes the address.
const SCRIPT: &str = r#"#!/bin/sh
case "$1" in
    bound) busybox ip addr add $ip/$mask dev $interface; busybox ip route add default via $router dev $interface ;;
    renew) ;;
    *) exit 0 ;;
esac
echo "$1 $ip $lease" >> "$OUT"
"#;

/// A DHCP client that goes on, as a guest's does.
struct Client {
    process: std::process::Child,
    answers: PathBuf,
}

impl Client {
    fn start(guest: &Guest, folder: &Path) -> Self {
        let (script, answers) = (folder.join("udhcpc.sh"), folder.join("answers"));
        std::fs::write(&script, SCRIPT).unwrap();
        run(&format!("chmod +x {}", script.display()));
        let environment = format!("OUT={}", answers.display());
        let line = ["busybox", "udhcpc", "-i", "eth0", "-f", "-t", "3", "-T", "1", "-s"];
        let process = guest.start("env", &[&[environment.as_str()], &line[..], &[script.to_str().unwrap()]].concat());
        Self { process, answers }
    }

    fn answers(&self) -> Vec<String> {
        std::fs::read_to_string(&self.answers).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits for so many answers. The responder needs this thread meanwhile.
    async fn answered(&self, count: usize) {
        let waiting = async {
            while self.answers().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let seen = || format!("not {count} answers but {:?}", self.answers());
        tokio::time::timeout(Duration::from_mins(1), waiting).await.unwrap_or_else(|_| panic!("{}", seen()));
    }

    /// Asks for its address once more, as it does by itself when half of the lease is over.
    fn renew(&self) {
        // `ip netns exec` becomes what it executes, and so does `env`.
        run(&format!("kill -USR1 {}", self.process.id()));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn ask(guest: &Guest, line: &str) -> String {
    let (guest, line) = (guest.clone(), line.to_owned());
    let output = tokio::task::spawn_blocking(move || guest.output(&line)).await.unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_day_without_a_control_plane_passes_and_leases_names_and_metadata_are_answered() {
    machine("a_day_without_a_control_plane_passes_and_leases_names_and_metadata_are_answered", || async {
        let there = output("command -v busybox && command -v curl").status.success();
        assert!(there, "busybox or curl is not installed; `deploy/test` installs what the tests need");
        let guest = Guest::new(5, "vpc-1", &["sg-1"]);
        guest.plug();
        let clock = ManualClock::at(SystemTime::now());
        let world = World::default().vpc("vpc-1").group("sg-1", vec![]).guest(&guest);
        // The shortest that this client takes.
        let config = Config { dhcp_lease_seconds: 16, ..Config::default() };
        let lab = Lab::timed(config, world.0, Arc::new(clock.clone())).await;
        let client = Client::start(&guest, lab.state.path());
        client.answered(1).await;
        assert_eq!(client.answers(), ["bound 172.31.0.5 16"]);

        let curl = |rest: &str| format!("curl -sS -m 5 {rest}");
        let put = curl("-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600' http://169.254.169.254/latest/api/token");
        let read =
            |token: &str| curl(&format!("-H 'X-aws-ec2-metadata-token: {token}' http://169.254.169.254/latest/meta-data/instance-id"));
        let first = ask(&guest, &put).await;
        for hour in 1..=24_usize {
            clock.advance(HOUR);
            let answered = client.answers().len();
            client.renew();
            client.answered(answered + 1).await;
            let old = ask(&guest, &read(&first)).await;
            assert_eq!(old == guest.instance_id(), hour < 6, "a token of six hours after {hour}: {old}");
            let token = ask(&guest, &put).await;
            assert_eq!(ask(&guest, &read(&token)).await, guest.instance_id(), "after {hour} hours");
            let name = ask(&guest, "busybox nslookup ip-172-31-9-9.ec2.internal 172.31.0.2").await;
            assert!(name.contains("172.31.9.9"), "after {hour} hours: {name}");
        }
        // And by itself, when the time of its lease goes by.
        let answered = client.answers().len();
        client.answered(answered + 1).await;
        assert!(client.answers().iter().all(|answer| answer.ends_with(" 172.31.0.5 16")), "{:?}", client.answers());
        assert_eq!(lab.plane.faults(), [""; 0]);
    });
}
