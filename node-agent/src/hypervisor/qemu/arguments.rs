//! A guest's hardware, as QEMU's command line: a pure function of what is desired.
//!
//! Every format is explicit, so nothing is probed; every path is relative to the instance's folder, which is all the process can reach.

use freehold_proto::internal::host::{InstanceDesired, InterfaceAttachment};
use serde_json::json;

use super::machine::{Accelerator, Machine};

/// Free slots to plug disks and interfaces into while the guest runs.
const SPARE_SLOTS: u32 = 8;

/// The device of the primary interface, and how the names of the others' begin.
pub(super) const PRIMARY: &str = "nic0";
pub(super) const NIC: &str = "nic-";

/// A disk as the guest's folder shows it.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) volume_id: String,
    pub(super) root: bool,
    /// It stands on an image.
    pub(super) based: bool,
}

impl Disk {
    pub(super) fn file(&self) -> String {
        format!("{}.qcow2", self.volume_id)
    }

    pub(super) fn base(&self) -> String {
        format!("{}.base", self.volume_id)
    }

    fn blockdev(&self) -> String {
        let base = json!({
            "driver": "raw", "read-only": true,
            "file": { "driver": "file", "filename": self.base(), "read-only": true },
        });
        json!({
            "driver": "qcow2", "node-name": self.volume_id, "discard": "unmap",
            "file": { "driver": "file", "filename": self.file() },
            "backing": if self.based { base } else { serde_json::Value::Null },
        })
        .to_string()
    }

    fn device(&self) -> String {
        let boot = if self.root { ",bootindex=0" } else { "" };
        // A guest reads at most 20 bytes of it: "vol0123456789abcdef0", as on EC2.
        format!("virtio-blk-pci,id=disk-{0},drive={0},serial={1}{boot}", self.volume_id, self.volume_id.replace('-', ""))
    }
}

/// What QEMU calls an interface's two halves. The primary one's names are older than the others'.
pub(super) fn names(interface: &InterfaceAttachment) -> (String, String) {
    if interface.device_index == 0 {
        return ("net0".to_owned(), PRIMARY.to_owned());
    }
    (format!("net-{}", interface.network_interface_id), format!("{NIC}{}", interface.network_interface_id))
}

/// EC2's guests know where they are by a UUID that starts with `ec2` and is the serial number too. Told from the id, so that it never changes.
pub(super) fn uuid(instance_id: &str) -> String {
    let hash = blake3::derive_key("freehold guest uuid", instance_id.as_bytes());
    let hex = blake3::Hash::from_bytes(hash).to_hex();
    format!("ec2{}-{}-4{}-a{}-{}", &hex[3..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// The whole command line after the program's name.
pub(super) fn arguments(desired: &InstanceDesired, machine: &Machine, machine_type: &str, disks: &[Disk]) -> Vec<String> {
    let mut line = Line(Vec::new());
    confinement(&mut line);
    platform(&mut line, desired, machine, machine_type);
    for slot in 1..=SPARE_SLOTS {
        line.add("-device", format!("pcie-root-port,id=slot{slot},chassis={slot},slot={slot}"));
    }
    for disk in disks {
        line.add("-blockdev", disk.blockdev());
        line.add("-device", disk.device());
    }
    for (at, interface) in desired.interfaces.iter().enumerate() {
        let (netdev, nic) = names(interface);
        // The primary one stays for as long as the guest runs; the others are in slots, where they can be unplugged.
        let bus = if interface.device_index == 0 { String::new() } else { format!(",bus=slot{at}") };
        line.add("-netdev", format!("tap,id={netdev},fd=%TAP{at}%"));
        line.add("-device", format!("virtio-net-pci,id={nic},netdev={netdev},mac={},romfile={bus}", interface.mac_address));
    }
    // What EC2's guests have: a plain frame buffer, which is looked at by screenshots alone.
    line.add("-device", "VGA,id=display");
    line.add("-object", "rng-random,id=random,filename=/dev/urandom");
    line.add("-device", "virtio-rng-pci,rng=random");
    line.add("-chardev", "socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log,logappend=on");
    line.add("-device", "isa-serial,chardev=console");
    line.add("-chardev", "socket,id=monitor,path=qmp.sock,server=on,wait=off");
    line.add("-mon", "chardev=monitor,mode=control");
    line.0
}

struct Line(Vec<String>);

impl Line {
    fn add(&mut self, option: &str, value: impl Into<String>) {
        self.0.push(option.to_owned());
        self.0.push(value.into());
    }
}

fn confinement(line: &mut Line) {
    line.0.extend(["-nodefaults", "-no-user-config"].map(str::to_owned));
    line.add("-display", "none");
    line.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    // A guest that switches itself off leaves a paused process, which tells why even to an agent that was away.
    line.add("-action", "shutdown=pause,reboot=reset");
}

fn platform(line: &mut Line, desired: &InstanceDesired, machine: &Machine, machine_type: &str) {
    let (cores, threads) = topology(desired, machine.accelerator);
    let (accelerator, cpu) = match machine.accelerator {
        // Source: what QEMU says where it is left out, and `no_autoenable_flags` in its target/i386/cpu.c.
        Accelerator::Kvm if machine.topoext && threads > 1 => ("kvm", "host,+topoext"),
        Accelerator::Kvm => ("kvm", "host"),
        Accelerator::Tcg => ("tcg,thread=multi", "max"),
    };
    let uuid = uuid(&desired.instance_id);
    line.add("-name", format!("guest={},debug-threads=on", desired.instance_id));
    line.add("-machine", format!("{machine_type},vmport=off,usb=off"));
    line.add("-accel", accelerator);
    line.add("-cpu", cpu);
    line.add("-smp", format!("cpus={},sockets=1,cores={cores},threads={threads}", cores * threads));
    line.add("-m", format!("{}M", desired.memory_mib));
    line.add("-uuid", uuid.clone());
    line.add("-smbios", "type=0,vendor=Amazon EC2,version=1.0");
    let product = desired.instance_type.replace(',', ",,");
    line.add("-smbios", format!("type=1,manufacturer=Amazon EC2,product={product},uuid={uuid},serial={uuid}"));
    line.add("-smbios", format!("type=3,manufacturer=Amazon EC2,asset={}", desired.instance_id));
    line.add("-boot", "menu=off,strict=on");
    line.add("-rtc", "base=utc");
}

/// One socket, with the cores and threads that the scheduler says. Where they do not make up the vCPUs each of these is a core, as it is under
/// TCG, whose processor is one of AMD's that have no threads: a guest would not be told of any.
fn topology(desired: &InstanceDesired, accelerator: Accelerator) -> (u32, u32) {
    let (cores, threads) = (desired.cores, desired.threads_per_core);
    let whole = cores.checked_mul(threads) == Some(desired.vcpus) && desired.vcpus > 0;
    if whole && accelerator == Accelerator::Kvm { (cores, threads) } else { (desired.vcpus.max(1), 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(accelerator: Accelerator) -> String {
        let machine = Machine { program: "qemu".into(), accelerator, newest_q35: "pc-q35-7.2".to_owned(), topoext: false };
        let desired = InstanceDesired {
            instance_id: "i-0123456789abcdef0".to_owned(),
            instance_type: "t3.micro".to_owned(),
            vcpus: 2,
            memory_mib: 1024,
            interfaces: vec![InterfaceAttachment { mac_address: "02:00:00:00:00:05".to_owned(), ..InterfaceAttachment::default() }],
            ..InstanceDesired::default()
        };
        let disks = [Disk { volume_id: "vol-0123456789abcdef0".to_owned(), root: true, based: true }];
        arguments(&desired, &machine, "pc-q35-7.1", &disks).join(" ")
    }

    #[test]
    fn the_recorded_machine_type_is_used_and_the_processor_follows_the_accelerator() {
        let (kvm, tcg) = (line(Accelerator::Kvm), line(Accelerator::Tcg));
        assert!(kvm.contains("-machine pc-q35-7.1,") && kvm.contains("-accel kvm -cpu host"), "{kvm}");
        assert!(tcg.contains("-accel tcg,thread=multi -cpu max"), "{tcg}");
    }

    #[test]
    fn the_guest_sees_the_cores_and_threads_that_were_asked_for_where_it_can() {
        let seen = |vcpus, cores, threads_per_core, accelerator| {
            topology(&InstanceDesired { vcpus, cores, threads_per_core, ..Default::default() }, accelerator)
        };
        assert_eq!(seen(4, 2, 2, Accelerator::Kvm), (2, 2));
        assert_eq!(seen(4, 2, 2, Accelerator::Tcg), (4, 1));
        assert_eq!(seen(2, 2, 1, Accelerator::Kvm), (2, 1));
        assert_eq!(seen(4, 0, 0, Accelerator::Kvm), (4, 1), "an older scheduler says nothing");
        assert_eq!(seen(4, 3, 2, Accelerator::Kvm), (4, 1));
        let line = |topoext| {
            let machine = Machine { program: "qemu".into(), accelerator: Accelerator::Kvm, newest_q35: String::new(), topoext };
            let desired = InstanceDesired { vcpus: 4, cores: 2, threads_per_core: 2, ..Default::default() };
            arguments(&desired, &machine, "q35", &[]).join(" ")
        };
        assert!(line(false).contains("-cpu host -smp cpus=4,sockets=1,cores=2,threads=2 "), "{}", line(false));
        assert!(line(true).contains("-cpu host,+topoext -smp "), "{}", line(true));
    }

    #[test]
    fn ec2_is_recognised_by_a_uuid_that_is_the_serial_and_never_changes() {
        let uuid = uuid("i-0123456789abcdef0");
        assert!(uuid.starts_with("ec2") && uuid.len() == 36, "{uuid}");
        assert_eq!(uuid, super::uuid("i-0123456789abcdef0"));
        assert_ne!(uuid, super::uuid("i-0123456789abcdef1"));
        assert!(line(Accelerator::Tcg).contains(&format!("uuid={uuid},serial={uuid}")));
    }

    #[test]
    fn a_disk_carries_its_volume_and_its_format_is_never_probed() {
        let line = line(Accelerator::Tcg);
        assert!(line.contains("serial=vol0123456789abcdef0,bootindex=0"), "{line}");
        assert!(line.contains(r#""driver":"qcow2""#) && line.contains(r#""driver":"raw""#));
        assert!(line.contains("mac=02:00:00:00:00:05,romfile=") && line.contains("fd=%TAP0%"));
        assert!(line.contains("-display none") && line.contains("-device VGA,"), "a frame buffer that nobody watches: {line}");
    }
}
