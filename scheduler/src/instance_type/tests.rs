//! AWS's figures as the data file has them, and what is wrong with a file.

use super::*;

#[test]
fn the_built_in_catalogue_has_aws_s_figures() {
    let catalogue = Catalogue::built_in().unwrap();
    let micro = catalogue.get("t3.micro").unwrap();
    assert_eq!((micro.vcpus, micro.memory_mib, micro.cores(), micro.burstable), (2, 1024, 1, true));
    let large = catalogue.get("r5.4xlarge").unwrap();
    assert_eq!((large.vcpus, large.memory_mib, large.interfaces, large.addresses_per_interface), (16, 128 * 1024, 8, 30));
    let odd = catalogue.get("c4.large").unwrap();
    assert_eq!((odd.memory_mib, odd.hypervisor, odd.ebs.map(|ebs| ebs.maximum_mbps)), (3840, Hypervisor::Xen, Some(500)));
    let graviton = catalogue.get("m6g.xlarge").unwrap();
    assert_eq!((graviton.architecture(), graviton.cores(), graviton.valid_threads_per_core()), ("arm64", 4, vec![1]));
    let many = catalogue.get("m5a.24xlarge").unwrap();
    assert_eq!((many.valid_cores.as_slice(), many.gbps), ([12, 18, 24, 36, 48].as_slice(), Some([20.0, 20.0])));
    let milan = catalogue.get("r6a.8xlarge").unwrap();
    assert_eq!(
        (milan.valid_cores.as_slice(), milan.ebs.map(|ebs| ebs.baseline_mbps)),
        ([4, 6, 8, 10, 12, 14, 16].as_slice(), Some(10_000))
    );
    let sapphire = catalogue.get("r7i.xlarge").unwrap();
    assert_eq!((sapphire.valid_cores.as_slice(), sapphire.ebs.map(|ebs| ebs.baseline_iops)), ([1, 2].as_slice(), Some(6000)));
    assert!(catalogue.get("T3.micro").is_none());
    assert!(catalogue.iter().all(|entry| !entry.name.contains("metal")), "nothing here is bare metal");
}

const FAMILY: &str = "[family.x]\nhypervisor='nitro'\nmanufacturer='Intel'\nclock_ghz=1.0\nsizes=[\n";
const SIZE: &str = "{size='big', vcpus=4, memory_mib=1, cores='1-2', network='Low', interfaces=1, addresses=1},\n";

#[test]
fn a_wrong_entry_is_named_with_the_reason() {
    let whole = format!("{FAMILY}{SIZE}]");
    let entry = Catalogue::parse(&whole).unwrap().get("x.big").cloned().unwrap();
    assert_eq!(
        (entry.threads_per_core, entry.valid_cores.as_slice(), entry.current, entry.architecture()),
        (2, [1, 2].as_slice(), true, "x86_64")
    );
    for (from, to, why) in [
        ("'big'", "'Big'", "lower-case"),
        ("family.x", "family.\"x_y\"", "lower-case"),
        ("memory_mib=1", "memory_mib=0", "zero"),
        ("vcpus=4", "vcpus=3", "divide"),
        ("'1-2'", "'1-4'", "all that it has"),
        ("'1-2'", "'all'", "cores that do not parse"),
        ("sizes=", "threads_per_core=3\nsizes=", "threads"),
        ("interfaces=1", "interfaces=1, gbps=[2.0, 1.0]", "peak"),
        ("clock_ghz=1.0", "clock_ghz=0.0", "speed"),
        ("{size", "{wings=2, size", "parse"),
        ("'nitro'", "'kvm'", "parse"),
    ] {
        let text = whole.replace(from, to);
        assert_ne!(text, whole, "{from}");
        let error = Catalogue::parse(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(Catalogue::parse(&format!("{FAMILY}{SIZE}{SIZE}]")).unwrap_err().to_string().contains("twice"));
}

#[test]
fn a_family_of_the_operator_s_is_added_and_none_takes_the_place_of_aws_s() {
    let families = |name: &str| {
        let file: File = toml::from_str(&format!("{FAMILY}{SIZE}]").replace("family.x", &format!("family.{name}"))).unwrap();
        file.family
    };
    let both = Catalogue::built_in().unwrap().with(&families("lab")).unwrap();
    assert!(both.get("lab.big").is_some() && both.get("t3.micro").is_some());
    let text = format!("{FAMILY}{SIZE}]").replace("family.x", "family.t3").replace("'big'", "'micro'");
    let taken: File = toml::from_str(&text).unwrap();
    assert!(Catalogue::built_in().unwrap().with(&taken.family).unwrap_err().to_string().contains("t3.micro: is there twice"));
}
