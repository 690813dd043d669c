//! A guest tries to get past a peering what is not its own, and further than to its peer's guests. What arrives is judged by captures.

use std::io::Write;

use super::{guest, open, over, plug};
use crate::bypass::{Capture, ECHO, Process, SAY, TELL, attempts};
use crate::lab::{Guest, Lab, World, all_egress, eventually, from_group, machine, outside, run};

fn thief() -> Guest {
    guest(7, 1, &["sg-open"]).public("198.18.0.7")
}

struct Peers {
    victim: Guest,
    friend: Guest,
    neighbour: Guest,
    thief: Guest,
    third: Guest,
}

impl Peers {
    /// The thief's routes lead all that there is over the peering.
    fn plug(thief: Guest) -> Self {
        outside();
        run("ip -n world route add 10.0.0.0/8 via 203.0.113.1; ip -n world route add 198.18.0.0/15 via 203.0.113.1");
        let peers = Self {
            victim: guest(5, 2, &["sg-victim"]).public("198.18.0.5"),
            friend: guest(6, 2, &["sg-friend"]),
            neighbour: guest(8, 1, &["sg-friend"]),
            thief,
            third: guest(9, 3, &["sg-open"]),
        };
        plug(&peers.guests());
        for guest in peers.guests() {
            run(&format!("ip netns exec {} sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0", guest.name()));
        }
        peers
    }

    fn guests(&self) -> [&Guest; 5] {
        [&self.victim, &self.friend, &self.neighbour, &self.thief, &self.third]
    }

    fn world(&self) -> World {
        let world = World::default().numbered(1).numbered(2).numbered(3).peered(1, 2).peered(2, 3).group("sg-open", open());
        let back = |third| [("10.1.0.0/16", Some(over(1, 2))), ("10.3.0.0/16", Some(over(2, 3))), ("0.0.0.0/0", third)];
        let world =
            world.routes("vpc-1", "rtb-a", &[("0.0.0.0/0", Some(over(1, 2)))]).routes("vpc-3", "rtb-a", &[("0.0.0.0/0", Some(over(2, 3)))]);
        world.routes("vpc-2", "rtb-a", &back(Some(crate::lab::gateway()))).guests(&self.guests())
    }
}

#[test]
fn nothing_foreign_passes_a_peering_and_nothing_goes_further() {
    machine("nothing_foreign_passes_a_peering_and_nothing_goes_further", || async {
        // Its interface is not checked: it may pass on what is of its own VPC.
        let peers = Peers::plug(thief().forwarding());
        let _lab = Lab::start(peers.world().group("sg-victim", open()).group("sg-friend", open()).0).await;
        let captures = [("guest5", &[][..]), ("guest6", &[]), ("guest9", &[]), ("world", &[]), ("the host", &["4789", "9999"])]
            .map(|(name, ports)| Capture::start(name, ports));
        let known =
            || run(&format!("ip -n {} neigh; ip -n {} route show table all", peers.victim.vpc_namespace(), peers.thief.vpc_namespace()));
        let before = known();
        let names = attempts(&peers.thief, "cross");
        for (namespace, address) in [("guest7", "10.2.0.5"), ("guest7", "10.2.0.6"), ("guest6", "10.3.0.9"), ("world", "203.0.113.254")] {
            run(&format!("ip netns exec {namespace} python3 -c \"{SAY}\" {address}"));
        }
        run(&format!("python3 -c \"{SAY}\" 127.0.0.1"));
        let names: Vec<&str> = names.lines().collect();
        assert!(names.len() >= 50, "{}", names.len());
        let heard: Vec<String> = captures.iter().flat_map(|capture| capture.attempts(&names)).collect();
        assert_eq!(heard, [""; 0]);
        assert_eq!(known(), before, "nobody learnt anything");
    });
}

#[test]
fn nothing_passes_a_peers_group_in_the_guise_of_an_answer() {
    machine("nothing_passes_a_peers_group_in_the_guise_of_an_answer", || async {
        let peers = Peers::plug(thief());
        // The victim's friend is of the peer: of the thief's own VPC.
        let groups = peers.world().group("sg-victim", vec![from_group("tcp", 22, "sg-friend"), all_egress()]);
        let _lab = Lab::start(groups.group("sg-friend", vec![all_egress()]).0).await;
        let _server = Process(peers.victim.start("python3", &["-c", ECHO]));
        eventually("the server listens", || peers.victim.run("ss -Hltn").contains(":22 "));
        let tell = TELL.replace("172.31.0.5", "10.2.0.5");
        let mut client = Process(peers.neighbour.start("python3", &["-c", &tell]));
        let mut to = client.0.stdin.take().unwrap();
        writeln!(to, "hello").unwrap();
        eventually("the friend is connected", || peers.victim.run("ss -Htn").contains(":40000"));
        let capture = Capture::start("guest5", &[]);
        let names = attempts(&peers.thief, "creep 40000");
        writeln!(to, "<FREEHOLD999>").unwrap();
        let names: Vec<&str> = names.lines().collect();
        assert!(names.len() >= 30, "{}", names.len());
        assert_eq!(capture.attempts(&names), [""; 0]);
    });
}
