//! DHCP, DNS and instance metadata, asked by clients that others wrote.

use std::net::UdpSocket;
use std::sync::Arc;

use freehold_node_agent::desired::Desired;
use freehold_node_agent::network::{Config, DataPlane};

use crate::lab::{Guest, Lab, World, machine, output, run};

/// Even a group that lets nothing through does not keep a guest from these services, as on EC2.
fn world(guests: &[&Guest]) -> World {
    guests.iter().fold(World::default().vpc("vpc-1").vpc("vpc-2").group("sg-1", vec![]), |world, guest| world.guest(guest))
}

fn needs(program: &str) {
    assert!(
        output(&format!("command -v {program}")).status.success(),
        "{program} is not installed; `deploy/test` installs what the tests need"
    );
}

const SCRIPT: &str = r#"#!/bin/sh
[ "$1" = bound ] || exit 0
busybox ip addr add $ip/$mask dev $interface
busybox ip route add default via $router dev $interface
echo "ip=$ip mask=$mask router=$router dns=$dns domain=$domain hostname=$hostname mtu=$mtu lease=$lease server=$serverid" > "$OUT"
"#;

#[test]
fn a_client_without_an_address_gets_its_own_from_dhcp() {
    machine("a_client_without_an_address_gets_its_own_from_dhcp", || async {
        needs("busybox");
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.6"));
        a.plug();
        b.plug();
        let lab = Lab::start(world(&[&a, &b]).0).await;
        let script = lab.state.path().join("udhcpc.sh");
        std::fs::write(&script, SCRIPT).unwrap();
        run(&format!("chmod +x {}", script.display()));
        for (guest, flags, expected) in [
            (
                &a,
                "",
                "ip=172.31.0.5 mask=20 router=172.31.0.1 dns=172.31.0.2 domain=ec2.internal hostname=ip-172-31-0-5 mtu=1500 lease=3600 server=172.31.0.1",
            ),
            (
                &b,
                "-B",
                "ip=172.31.16.6 mask=20 router=172.31.16.1 dns=172.31.0.2 domain=ec2.internal hostname=ip-172-31-16-6 mtu=1500 lease=3600 server=172.31.16.1",
            ),
        ] {
            let out = lab.state.path().join(guest.name());
            let line = format!(
                "env OUT={} busybox udhcpc -i eth0 -f -q -n -t 3 -T 1 -O mtu -O hostname {flags} -s {}",
                out.display(),
                script.display()
            );
            let (line, guest) = (line.clone(), guest.clone());
            // The client blocks; the responder needs this thread.
            tokio::task::spawn_blocking(move || guest.run(&line)).await.unwrap();
            assert_eq!(std::fs::read_to_string(out).unwrap().trim(), expected);
        }
        assert_eq!(a.run("ip -br -4 addr show dev eth0").split_whitespace().nth(2), Some("172.31.0.5/20"));
    });
}

#[test]
fn dhclient_is_content_without_a_retry() {
    machine("dhclient_is_content_without_a_retry", || async {
        needs("dhclient");
        let guest = Guest::new(5, "vpc-1", &["sg-1"]);
        guest.plug();
        let lab = Lab::start(world(&[&guest]).0).await;
        let at = lab.state.path().to_owned();
        let line = format!("dhclient -1 -v -d -lf {0}/leases -pf {0}/pid -sf /bin/true eth0 2>&1 & ", at.display());
        let asked = guest.clone();
        // -d keeps it from forking; it is ended by its id once it is bound.
        let log = tokio::task::spawn_blocking(move || {
            let client = format!(
                "timeout 20 sh -c '({line}) > {0}/log; for i in $(seq 200); do grep -q \"^bound\" {0}/log && break; busybox usleep 50000; done; kill $(cat {0}/pid)'",
                at.display()
            );
            drop(asked.output(&client));
            std::fs::read_to_string(at.join("log")).unwrap()
        });
        let log = log.await.unwrap();
        let count = |word: &str| log.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!((count("DHCPDISCOVER"), count("DHCPREQUEST"), count("DHCPACK"), count("bound to 172.31.0.5")), (1, 1, 1, 1), "{log}");
        lab.plane.teardown().await.unwrap();
    });
}

/// Asks from inside a guest while the services run on this thread.
pub async fn ask(guest: &Guest, line: &str) -> String {
    let (guest, line) = (guest.clone(), line.to_owned());
    let output = tokio::task::spawn_blocking(move || guest.output(&line)).await.unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A resolver of the host's that knows one answer, whatever is asked: 203.0.113.7.
fn resolver() -> std::net::SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_mins(1))).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let end = 12 + buffer[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
            let mut answer = buffer[..end].to_vec();
            // A response with one question, one answer, nothing else.
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7]);
            drop(socket.send_to(&answer, from));
        }
    });
    address
}

#[test]
fn names_are_answered_at_the_vpcs_second_address() {
    machine("names_are_answered_at_the_vpcs_second_address", || async {
        needs("dig");
        let guest = Guest::new(5, "vpc-1", &["sg-1"]);
        guest.plug().addressed();
        let config = Config { resolvers: vec![resolver()], ..Config::default() };
        let _lab = Lab::configured(config, world(&[&guest]).0).await;
        for server in ["172.31.0.2", "169.254.169.253"] {
            for transport in ["+notcp", "+tcp"] {
                let dig = |what: &str| format!("dig +short +tries=1 +time=3 {transport} @{server} {what}");
                assert_eq!(ask(&guest, &dig("ip-172-31-9-9.ec2.internal")).await, "172.31.9.9", "{server} {transport}");
                assert_eq!(ask(&guest, &dig("-x 172.31.9.9")).await, "ip-172-31-9-9.ec2.internal.");
            }
            assert_eq!(
                ask(&guest, &format!("dig +short +tries=1 +time=3 @{server} example.org")).await,
                "203.0.113.7",
                "the host's resolver"
            );
        }
        let dig = "dig +tries=1 +time=3 @172.31.0.2 nobody.ec2.internal";
        assert!(ask(&guest, dig).await.contains("NXDOMAIN"));
    });
}

#[test]
fn an_instance_reads_its_own_metadata_and_no_others() {
    machine("an_instance_reads_its_own_metadata_and_no_others", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]);
        let b = Guest::new(6, "vpc-1", &["sg-1"]);
        let twin = Guest::new(7, "vpc-2", &["sg-1"]).at("subnet-a", "172.31.0.5");
        for guest in [&a, &b, &twin] {
            guest.plug().addressed();
        }
        let lab = Lab::start(world(&[&a, &b, &twin]).0).await;
        let curl = |rest: &str| format!("curl -sS -m 5 {rest}");
        let read = "http://169.254.169.254/latest/meta-data/instance-id";
        for guest in [&a, &b, &twin] {
            assert_eq!(ask(guest, &curl(read)).await, guest.instance_id());
        }
        let head = ask(&a, &curl("-D- -o /dev/null http://169.254.169.254/latest/user-data")).await;
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.to_lowercase().contains("server: ec2ws"), "{head}");

        let put = "-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
        let token = ask(&a, &curl(put)).await;
        let with_token = curl(&format!("-H 'X-aws-ec2-metadata-token: {token}' {read}"));
        assert_eq!(ask(&a, &with_token).await, a.instance_id());
        assert!(ask(&b, &with_token).await.contains("401"), "another's token");

        // The same token, and the same answers, from an agent that has been started again.
        let desired: Desired = world(&[&a, &b, &twin]).0;
        lab.plane.stop().await.unwrap();
        let (sender, receiver) = tokio::sync::watch::channel(Arc::new(desired));
        let clock = Arc::new(freehold_proto::clock::SystemClock);
        let again = DataPlane::start(Config::default(), lab.state.path(), crate::lab::HOST, receiver, clock).await.unwrap();
        assert_eq!(again.faults(), [""; 0]);
        assert_eq!(ask(&a, &with_token).await, a.instance_id());
        drop(sender);
    });
}

#[test]
fn a_token_reaches_no_further_than_its_hop_limit() {
    machine("a_token_reaches_no_further_than_its_hop_limit", || async {
        // A container behind the guest: one hop more, and the guest forwards and translates for it.
        let guest = Guest::new(5, "vpc-1", &["sg-1"]);
        guest.plug().addressed();
        let name = guest.name();
        run("ip netns add box; ip -n box link set lo up");
        run(&format!("ip link add inner netns {name} type veth peer name eth0 netns box"));
        run(&format!("ip -n {name} addr add 10.0.3.1/24 dev inner; ip -n {name} link set inner up"));
        run("ip -n box addr add 10.0.3.2/24 dev eth0; ip -n box link set eth0 up; ip -n box route add default via 10.0.3.1");
        guest.run("sysctl -qw net.ipv4.ip_forward=1");
        guest.run("nft 'add table ip n; add chain ip n p { type nat hook postrouting priority srcnat; }; add rule ip n p oifname eth0 masquerade'");
        let lab = Lab::start(world(&[&guest]).0).await;
        let from_the_box = |rest: &str| {
            let line = format!("ip netns exec box curl -sS -m 2 {rest}");
            async move { tokio::task::spawn_blocking(move || String::from_utf8_lossy(&output(&line).stdout).trim().to_owned()).await.unwrap() }
        };
        let read = "http://169.254.169.254/latest/meta-data/instance-id";
        let put = "-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
        assert_eq!(from_the_box(read).await, guest.instance_id(), "version 1 has no limit");
        assert_eq!(from_the_box(put).await, "", "one hop too far");
        let requests = lab.state.path().join("requests");
        let put_then_get = "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n\
                            GET /latest/meta-data/instance-id HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        std::fs::write(&requests, put_then_get).unwrap();
        let line = format!("ip netns exec box timeout 3 busybox nc 169.254.169.254 80 < {}", requests.display());
        let leaked = tokio::task::spawn_blocking(move || output(&line).stdout).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&leaked), "", "nor does it come again with the next answer");
        let mut instance = guest.instance();
        instance.metadata.as_mut().unwrap().http_put_response_hop_limit = 2;
        let mut farther = world(&[]).0;
        farther.instances.insert(guest.instance_id(), Arc::new(instance));
        lab.state(&farther).await;
        assert_eq!(from_the_box(put).await.len(), 68, "within two hops");
    });
}

/// Asks so many questions at once that nobody will answer, and reads no answer.
const FLOOD: &str = r#"
import socket, sys, time
question = lambda n: n.to_bytes(2, "big") + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x07example\x00\x00\x01\x00\x01"
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(600):
    asker.sendto(question(n), ("172.31.0.2", 53))
streams = [socket.create_connection(("172.31.0.2", 53)) for _ in range(70)]
print("flooded", flush=True)
sys.stdin.read()
"#;

#[test]
fn a_guest_that_floods_the_resolver_does_not_silence_it_for_others() {
    machine("a_guest_that_floods_the_resolver_does_not_silence_it_for_others", || async {
        needs("dig");
        let (hostile, other) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-1"]));
        hostile.plug().addressed();
        other.plug().addressed();
        // One that never answers.
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let config = Config { resolvers: vec![silent.local_addr().unwrap()], ..Config::default() };
        let _lab = Lab::configured(config, world(&[&hostile, &other]).0).await;
        let mut flood = hostile.start("python3", &["-c", FLOOD]);
        let mut said = std::io::BufReader::new(flood.stdout.take().unwrap());
        let flooded = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut said, &mut line).unwrap();
            line
        });
        assert_eq!(flooded.await.unwrap(), "flooded\n");
        for transport in ["+notcp", "+tcp"] {
            let dig = format!("dig +short +tries=1 +time=3 {transport} @172.31.0.2 ip-172-31-9-9.ec2.internal");
            assert_eq!(ask(&other, &dig).await, "172.31.9.9", "{transport}");
        }
        flood.kill().unwrap();
        flood.wait().unwrap();
    });
}

/// Asks for a lease with this hardware address in the question and on the frame, and says which addresses the guest was offered or given.
const LEASES: &str = "import socket,struct,sys,time
hw=lambda t: bytes.fromhex(t.replace(':',''))
frame,asked=hw(sys.argv[1]),hw(sys.argv[2])
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x0800)); s.bind(('eth0',0x0800)); s.settimeout(0.2)
def ask(kind,options=b''):
 d=struct.pack('!BBBBIHH4s4s4s4s16s64s128s',1,1,6,0,7,0,0x8000,b'',b'',b'',b'',asked,b'',b'')+bytes.fromhex('63825363')+bytes([53,1,kind])+options+bytes([255])
 u=struct.pack('!HHHH',68,67,8+len(d),0)+d
 i=struct.pack('!BBHHHBBH4s4s',0x45,0,20+len(u),1,0,64,17,0,bytes(4),bytes([255]*4))
 t=sum(struct.unpack('!10H',i)); t=(t&0xffff)+(t>>16); i=i[:10]+struct.pack('!H',~t&0xffff)+i[12:]
 s.send(bytes([255]*6)+frame+bytes([8,0])+i+u)
heard=set()
for kind,options in ((1,b''),(3,bytes([50,4])+socket.inet_aton('172.31.0.5')),(3,bytes([50,4])+socket.inet_aton('172.31.0.7')),(8,b'')):
 ask(kind,options); end=time.time()+0.5
 while time.time()<end:
  try: p=s.recv(2000)
  except TimeoutError: continue
  if p[23]==17 and p[34:36]==bytes([0,67]): heard.add(socket.inet_ntoa(p[58:62]))
print(' '.join(sorted(heard)))
";

#[test]
fn nobody_is_given_a_lease_under_another_s_hardware_address() {
    machine("nobody_is_given_a_lease_under_another_s_hardware_address", || async {
        let (victim, thief) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(7, "vpc-1", &["sg-1"]));
        for guest in [&victim, &thief] {
            guest.plug();
        }
        let lab = Lab::start(world(&[&victim, &thief]).0).await;
        let script = lab.state.path().join("leases.py");
        std::fs::write(&script, LEASES).unwrap();
        let leases = async |frame: &Guest, asked: &Guest| {
            let line = format!("python3 {} {} {}", script.display(), frame.mac(), asked.mac());
            ask(&thief, &line).await
        };
        assert_eq!(leases(&thief, &thief).await, "0.0.0.0 172.31.0.7", "its own, and a refusal where it asks for another");
        assert_eq!(leases(&thief, &victim).await, "", "the victim's in its question");
        assert_eq!(leases(&victim, &victim).await, "", "and on its frames");
        assert_eq!(leases(&victim, &thief).await, "", "or there alone");
    });
}
