//! A guest tries to reach others past its filters, or as somebody else. What arrives is judged where it would: by captures at the victims.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Stdio};

use crate::lab::{Guest, Lab, World, all_egress, eventually, from_group, ingress, machine, outside, run};

const ATTEMPTS: &str = include_str!("bypass/attempts.py");
const CAPTURE: &str = include_str!("bypass/capture.py");

/// What is no attempt: it must arrive, or the capture heard nothing at all.
const CONTROL: &str = "999";

/// Says the last word.
pub const SAY: &str = "import socket,sys\nsocket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(b'<FREEHOLD999>',(sys.argv[1],9999))";

/// Echoes lines.
pub const ECHO: &str = "import socket\ns=socket.create_server(('0.0.0.0',22))\nwhile True:\n c,_=s.accept(); f=c.makefile('rw')\n for l in f: f.write(l); f.flush()";

/// Sends lines over a connection from a port.
pub const TELL: &str =
    "import socket,sys\ns=socket.create_connection(('172.31.0.5',22),source_address=('',40000))\nfor l in sys.stdin: s.sendall(l.encode())";

pub struct Capture {
    who: String,
    child: Child,
    file: tempfile::NamedTempFile,
}

impl Capture {
    /// In a namespace: of every frame that comes in. On the machine itself: of what listeners at `ports` hear.
    pub fn start(namespace: &str, ports: &[&str]) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut command = if ports.is_empty() {
            let mut command = std::process::Command::new("ip");
            command.args(["netns", "exec", namespace, "python3"]);
            command
        } else {
            std::process::Command::new("python3")
        };
        let out = File::create(file.path()).unwrap();
        let child = command.args(["-c", CAPTURE]).args(ports).stdout(Stdio::from(out)).spawn().unwrap();
        let capture = Self { who: namespace.to_owned(), child, file };
        eventually("it captures", || capture.heard().contains("captures"));
        capture
    }

    fn heard(&self) -> String {
        std::fs::read_to_string(self.file.path()).unwrap()
    }

    /// Everything that was sent before the last word has come by then, or never will.
    pub fn attempts(&self, names: &[&str]) -> Vec<String> {
        eventually(&format!("{} hears the last word", self.who), || self.heard().lines().any(|line| line.starts_with(CONTROL)));
        let numbers = self.heard();
        let numbers = numbers.lines().filter_map(|line| line.split(' ').next()?.parse::<usize>().ok());
        numbers.filter_map(|number| Some(format!("{} heard {}", self.who, names.get(number)?))).collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Ends with the test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Has the thief try; the name of each attempt.
pub fn attempts(thief: &Guest, arguments: &str) -> String {
    let mut script = tempfile::NamedTempFile::new().unwrap();
    script.write_all(ATTEMPTS.as_bytes()).unwrap();
    thief.run(&format!("python3 {} {arguments}", script.path().display()))
}

struct Machine {
    victim: Guest,
    friend: Guest,
    thief: Guest,
    twin: Guest,
}

impl Machine {
    fn plug() -> Self {
        outside();
        let machine = Self {
            victim: Guest::new(5, "vpc-1", &["sg-victim"]).public("198.18.0.5"),
            friend: Guest::new(6, "vpc-1", &["sg-friend"]).at("subnet-b", "172.31.16.6"),
            thief: Guest::new(7, "vpc-1", &["sg-open"]).public("198.18.0.7"),
            // Of another VPC, with the victim's address.
            twin: Guest::new(8, "vpc-2", &["sg-open"]).at("subnet-a", "172.31.0.5").public("198.18.0.8"),
        };
        for guest in machine.guests() {
            guest.plug().addressed();
            run(&format!("ip netns exec {} sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0", guest.name()));
        }
        machine
    }

    fn guests(&self) -> [&Guest; 4] {
        [&self.victim, &self.friend, &self.thief, &self.twin]
    }

    fn world(&self) -> World {
        let open = || vec![ingress("-1", -1, -1), all_egress()];
        let world = World::default().vpc("vpc-1").vpc("vpc-2").group("sg-open", open());
        self.guests().into_iter().fold(world, World::guest)
    }

    fn neighbours(&self) -> String {
        run(&format!("ip -n {ns} neigh; ip -n {ns} route show table all", ns = self.thief.vpc_namespace()))
    }
}

#[test]
fn nothing_that_a_guest_forges_arrives() {
    machine("nothing_that_a_guest_forges_arrives", || async {
        let machine = Machine::plug();
        let open = || vec![ingress("-1", -1, -1), all_egress()];
        let _lab = Lab::start(machine.world().group("sg-victim", open()).group("sg-friend", open()).0).await;
        let captures = [("guest5", &[][..]), ("guest6", &[]), ("guest8", &[]), ("world", &[]), ("the host", &["4789", "9999"])]
            .map(|(name, ports)| Capture::start(name, ports));
        let before = machine.neighbours();
        let names = attempts(&machine.thief, "spoof");
        for address in ["172.31.0.5", "172.31.16.6", "203.0.113.254"] {
            run(&format!("ip netns exec guest7 python3 -c \"{SAY}\" {address}"));
        }
        for address in ["198.18.0.8", "127.0.0.1"] {
            run(&format!("python3 -c \"{SAY}\" {address}"));
        }
        let names: Vec<&str> = names.lines().collect();
        assert!(names.len() >= 90, "{}", names.len());
        let heard: Vec<String> = captures.iter().flat_map(|capture| capture.attempts(&names)).collect();
        assert_eq!(heard, [""; 0]);
        assert_eq!(machine.neighbours(), before, "nobody learnt anything");
    });
}

#[test]
fn nothing_passes_a_group_in_the_guise_of_an_answer() {
    machine("nothing_passes_a_group_in_the_guise_of_an_answer", || async {
        let machine = Machine::plug();
        let groups = machine.world().group("sg-victim", vec![from_group("tcp", 22, "sg-friend"), all_egress()]);
        let shut = groups.group("sg-friend", vec![all_egress()]);
        let shut = shut.guest(&Guest { groups: vec!["sg-friend".into()], ..machine.twin.clone() });
        let _lab = Lab::start(shut.0).await;
        let _server = Process(machine.victim.start("python3", &["-c", ECHO]));
        eventually("the server listens", || machine.victim.run("ss -Hltn").contains(":22 "));
        let mut client = Process(machine.friend.start("python3", &["-c", TELL]));
        let mut to = client.0.stdin.take().unwrap();
        writeln!(to, "hello").unwrap();
        eventually("the friend is connected", || machine.victim.run("ss -Htn").contains(":40000"));
        let captures = [("guest5", &[][..]), ("guest8", &[])].map(|(name, ports)| Capture::start(name, ports));
        let names = attempts(&machine.thief, "sneak 40000");
        // The friend's connection is what it was: it carries the last word.
        writeln!(to, "<FREEHOLD{CONTROL}>").unwrap();
        let names: Vec<&str> = names.lines().collect();
        assert!(names.len() >= 30, "{}", names.len());
        assert_eq!(captures[0].attempts(&names), [""; 0]);
        let at_the_twin = captures[1].heard();
        assert_eq!(at_the_twin.trim(), "captures", "another VPC's");
    });
}

/// Whether a packet to a closed port is answered by word of that.
const REFUSED: &str = "import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.settimeout(1)\ns.connect((sys.argv[1],9))\ns.send(b'x')\ntry: s.recv(1)\nexcept ConnectionRefusedError: print('refused')\nexcept TimeoutError: print('silence')";

#[test]
fn what_went_wrong_with_a_flow_is_heard_from_its_ends() {
    machine("what_went_wrong_with_a_flow_is_heard_from_its_ends", || async {
        let machine = Machine::plug();
        let groups = machine.world().group("sg-victim", vec![from_group("udp", 9, "sg-friend"), ingress("udp", 9, 9)]);
        let _lab = Lab::start(groups.group("sg-friend", vec![all_egress()]).0).await;
        let asked = |namespace: &str, address: &str| run(&format!("ip netns exec {namespace} python3 -c \"{REFUSED}\" {address}"));
        assert_eq!(asked(&machine.friend.name(), "172.31.0.5"), "refused", "within the VPC");
        assert_eq!(asked(&machine.twin.name(), "198.18.0.5"), "refused", "from another VPC, by its public address");
        assert_eq!(asked(&machine.thief.name(), "172.31.16.6"), "silence", "no group lets it begin");
    });
}
