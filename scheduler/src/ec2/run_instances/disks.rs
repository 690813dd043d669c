//! The block devices of a launch: the image's root, and blank volumes beside it.

use std::collections::BTreeSet;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::request::{given, invalid};
use crate::ec2::message::missing;
use crate::store::snapshot;

/// As large as EC2's general-purpose volumes get.
const MOST_GIB: i64 = 16 * 1024;

/// As many as the guest's bus has room for beside its interfaces.
const MOST_DEVICES: usize = 12;

const GIB: i64 = 1 << 30;

/// What the request says of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub device_name: String,
    pub size_gib: Option<i64>,
    pub delete_on_termination: Option<bool>,
}

/// A volume to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    pub device_name: String,
    pub size_gib: i64,
    pub is_root: bool,
    pub delete_on_termination: bool,
}

/// The mappings of a request, each of a device of its own.
pub fn read(mappings: &[ec2::BlockDeviceMapping]) -> Result<Vec<Mapping>, Fault> {
    if mappings.len() > MOST_DEVICES {
        return Err(wrong(format!("{} block devices are mapped. An instance is launched with at most {MOST_DEVICES}.", mappings.len())));
    }
    let mut seen = BTreeSet::new();
    let mut read = Vec::with_capacity(mappings.len());
    for mapping in mappings {
        let device_name = given(mapping.device_name.as_ref()).ok_or_else(|| missing("BlockDeviceMapping.N.DeviceName"))?;
        if !seen.insert(device_name.clone()) {
            return Err(wrong(format!("The device '{device_name}' is used in more than one block-device mapping")));
        }
        let ebs = mapping.ebs.clone().unwrap_or_default();
        read.push(Mapping { device_name, size_gib: ebs.volume_size.map(i64::from), delete_on_termination: ebs.delete_on_termination });
    }
    Ok(read)
}

/// The volumes of an instance of an image, the root first.
pub fn of_image(mappings: &[Mapping], root_device_name: &str, snapshot: &snapshot::Model) -> Result<Vec<Disk>, Fault> {
    let (root, blank): (Vec<&Mapping>, Vec<&Mapping>) = mappings.iter().partition(|mapping| mapping.device_name == root_device_name);
    let root = root.first();
    let mut disks = vec![Disk {
        device_name: root_device_name.to_owned(),
        size_gib: root_size(root.and_then(|root| root.size_gib), snapshot)?,
        is_root: true,
        delete_on_termination: root.and_then(|root| root.delete_on_termination).unwrap_or(true),
    }];
    for mapping in blank {
        check_name(&mapping.device_name)?;
        // EC2 asks for a size or a snapshot; volumes of other snapshots are not launched yet.
        let size = mapping.size_gib.ok_or_else(|| missing("BlockDeviceMapping.N.Ebs.VolumeSize"))?;
        disks.push(Disk {
            device_name: mapping.device_name.clone(),
            size_gib: size_within(size, 1, || "a blank volume".to_owned())?,
            is_root: false,
            // What a launch by the API attaches goes with the instance, unless it says otherwise.
            // Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html>.
            delete_on_termination: mapping.delete_on_termination.unwrap_or(true),
        });
    }
    Ok(disks)
}

fn root_size(wanted: Option<i64>, snapshot: &snapshot::Model) -> Result<i64, Fault> {
    let least = (snapshot.size_bytes + GIB - 1) / GIB;
    size_within(wanted.unwrap_or(least), least, || format!("snapshot '{}'", snapshot.snapshot_id))
}

fn size_within(wanted: i64, least: i64, of: impl FnOnce() -> String) -> Result<i64, Fault> {
    if wanted < least {
        return Err(wrong(format!("Volume of size {wanted}GB is smaller than {}, expect size >= {least}GB", of())));
    }
    if wanted > MOST_GIB {
        return Err(wrong(format!("Volume of size {wanted}GB is too large, expect size <= {MOST_GIB}GB")));
    }
    Ok(wanted)
}

/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html>.
fn check_name(name: &str) -> Result<(), Fault> {
    let short = name.strip_prefix("/dev/").unwrap_or(name);
    let rest = short.strip_prefix("sd").or_else(|| short.strip_prefix("xvd")).unwrap_or_default();
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let digits = rest.len() - letters;
    if (1..=2).contains(&letters) && digits <= 2 && rest.bytes().skip(letters).all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(invalid(format!("Value ({name}) for parameter device is invalid. {name} is not a valid EBS device name: use one like /dev/sdf.")))
}

fn wrong(message: String) -> Fault {
    Fault::new(ErrorCode::InvalidBlockDeviceMapping, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> snapshot::Model {
        snapshot::Model {
            snapshot_id: "snap-1".into(),
            account_id: String::new(),
            manifest: String::new(),
            size_bytes: 2 * GIB - 1,
            description: String::new(),
            created: 0,
        }
    }

    fn mapping(device_name: &str, size_gib: Option<i64>, delete_on_termination: Option<bool>) -> Mapping {
        Mapping { device_name: device_name.into(), size_gib, delete_on_termination }
    }

    fn code(mappings: &[Mapping]) -> Option<ErrorCode> {
        of_image(mappings, "/dev/xvda", &snapshot()).err().map(|fault| fault.code)
    }

    #[test]
    fn the_root_is_first_and_all_go_with_the_instance_unless_they_are_to_stay() {
        let given = [mapping("/dev/sdf", Some(5), None), mapping("/dev/xvda", None, None), mapping("xvdba", Some(6), Some(false))];
        let disks = of_image(&given, "/dev/xvda", &snapshot()).unwrap();
        let seen: Vec<_> =
            disks.iter().map(|disk| (disk.device_name.as_str(), disk.size_gib, disk.is_root, disk.delete_on_termination)).collect();
        assert_eq!(seen, [("/dev/xvda", 2, true, true), ("/dev/sdf", 5, false, true), ("xvdba", 6, false, false)]);
        assert_eq!(of_image(&[], "/dev/xvda", &snapshot()).unwrap().len(), 1);
    }

    #[test]
    fn sizes_and_names_have_bounds() {
        assert_eq!(code(&[mapping("/dev/xvda", Some(1), None)]), Some(ErrorCode::InvalidBlockDeviceMapping));
        assert_eq!(code(&[mapping("/dev/sdf", Some(0), None)]), Some(ErrorCode::InvalidBlockDeviceMapping));
        assert_eq!(code(&[mapping("/dev/sdf", Some(16_385), None)]), Some(ErrorCode::InvalidBlockDeviceMapping));
        assert_eq!(code(&[mapping("/dev/sdf", None, None)]), Some(ErrorCode::MissingParameter));
        for name in ["/dev/sd", "/dev/sdF", "/dev/hda", "sdf1234", "/dev/../sdf", "disk"] {
            assert_eq!(code(&[mapping(name, Some(1), None)]), Some(ErrorCode::InvalidParameterValue), "{name}");
        }
        for name in ["/dev/sdf", "sdf", "xvdf", "/dev/xvdca", "/dev/sdf1"] {
            assert_eq!(code(&[mapping(name, Some(1), None)]), None, "{name}");
        }
    }
}
