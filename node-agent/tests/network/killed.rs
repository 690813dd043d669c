//! An agent's process that is killed in the middle of its work, at any moment and with no last word. What packets find is the old plan or the
//! new one; the next process makes whole what the disk says, with nobody to tell it anything.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use freehold_node_agent::desired::Desired;
use freehold_proto::internal::host::{ToAgent, to_agent};
use prost::Message;

use crate::changes::content;
use crate::lab::{Guest, Listener, World, all_egress, ingress, machine, reach, run};

/// What a scheduler would say, as `node-agent-under-test network` reads it.
fn write(desired: &Desired, to: &Path) {
    let mut bytes = Vec::new();
    let mut say = |kind| bytes.extend(ToAgent { kind: Some(kind), ..ToAgent::default() }.encode_length_delimited_to_vec());
    desired.vpcs.values().for_each(|it| say(to_agent::Kind::Vpc((**it).clone())));
    desired.security_groups.values().for_each(|it| say(to_agent::Kind::SecurityGroup((**it).clone())));
    desired.instances.values().for_each(|it| say(to_agent::Kind::Instance((**it).clone())));
    std::fs::write(to, bytes).unwrap();
}

/// A data plane that is a process.
struct Process {
    child: Child,
    tell: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(state: &Path, first: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node-agent-under-test"));
        // It is born in the namespaces of this thread.
        command.arg("network").args([state, first]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        Self { child, tell, said }
    }

    /// Waits until it has applied what it was told.
    fn applied(&mut self) {
        assert_eq!(self.said.next().unwrap().unwrap(), "applied");
    }

    fn told(&mut self, next: &Path) {
        writeln!(self.tell, "{}", next.display()).unwrap();
    }
}

impl Drop for Process {
    /// SIGKILL.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Worlds {
    a: Guest,
    b: Guest,
    /// In the new one only, which makes its tap.
    late: Guest,
}

impl Worlds {
    /// Port 90 is open in both, 80 in the old one and 81 in the new one, 22 in neither.
    fn of(&self, port: i32) -> World {
        let rules = vec![ingress("tcp", 90, 90), ingress("tcp", port, port), all_egress()];
        World::default().vpc("vpc-1").guest(&self.a).guest(&self.b).group("sg-1", vec![all_egress()]).group("sg-2", rules)
    }

    fn before(&self) -> Desired {
        self.of(80).0
    }

    fn after(&self) -> Desired {
        let acl = [(false, 1, "6", true, "172.31.0.0/16", (0, 65535)), (true, 1, "-1", true, "0.0.0.0/0", (-1, -1))];
        self.of(81).guest(&self.late).acl("vpc-1", "subnet-b", &acl).guest(&self.b.clone().public("198.18.0.9")).0
    }

    fn open(&self) -> Vec<u16> {
        [22, 80, 81, 90].into_iter().filter(|port| reach(&self.a, &self.b.address, *port).is_some()).collect()
    }
}

#[test]
fn a_process_that_is_killed_anywhere_leaves_packets_the_old_plan_or_the_new() {
    machine("a_process_that_is_killed_anywhere_leaves_packets_the_old_plan_or_the_new", || async {
        let worlds = Worlds {
            a: Guest::new(5, "vpc-1", &["sg-1"]),
            b: Guest::new(6, "vpc-1", &["sg-2"]).public("198.18.0.6"),
            late: Guest::new(7, "vpc-1", &["sg-2"]).at("subnet-b", "172.31.16.7"),
        };
        for guest in [&worlds.a, &worlds.b] {
            guest.plug().addressed();
        }
        let folder = tempfile::tempdir().unwrap();
        let [old, new, state] = ["old", "new", "state"].map(|name| folder.path().join(name));
        write(&worlds.before(), &old);
        write(&worlds.after(), &new);
        std::fs::create_dir(&state).unwrap();
        let _listeners = [22, 80, 81, 90].map(|port| Listener::start(&worlds.b.name(), port));
        let [of_old, of_new] = [&old, &new].map(|desired| {
            Process::start(&state, desired).applied();
            (content(&worlds.a), worlds.open())
        });
        assert_eq!((&of_old.1, &of_new.1), (&vec![80, 90], &vec![81, 90]));
        let (mut was_old, mut was_new) = (0, 0);
        for after in [0, 3, 8, 15, 25, 40, 60, 100] {
            let mut process = Process::start(&state, &old);
            process.applied();
            process.told(&new);
            std::thread::sleep(Duration::from_millis(after));
            drop(process);
            let left = (content(&worlds.a), worlds.open());
            assert!(left == of_old || left == of_new, "killed after {after} ms: {:?} {:#?}", left.1, left.0);
            *(if left == of_old { &mut was_old } else { &mut was_new }) += 1;
            Process::start(&state, &new).applied();
            assert_eq!(content(&worlds.a), of_new.0, "the next one makes it whole");
            assert!(reach(&worlds.a, "172.31.0.6", 81).is_some());
            assert_eq!(
                run("ip -4 route show proto 70"),
                "198.18.0.9 via 198.19.255.255 dev ".to_owned() + &uplink() + " src 198.18.0.0 onlink"
            );
        }
        assert!(was_old > 0 && was_new > 0, "{was_old} times old and {was_new} times new: it was not killed in the middle");
    });
}

/// The host's end of the pair.
fn uplink() -> String {
    run("ip -br link | grep -o '^fhv[0-9a-f]*'")
}
