//! The instance identity document. Unsigned until the installation has a certificate to sign it with.

use std::time::{Duration, SystemTime};

use freehold_proto::internal::host::{InstanceDesired, Metadata};
use serde::Serialize;

/// The members and their order are EC2's; what Freehold has no word for is null, as it mostly is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    account_id: &'a str,
    architecture: &'a str,
    availability_zone: &'a str,
    billing_products: Option<()>,
    devpay_product_codes: Option<()>,
    marketplace_product_codes: Option<()>,
    image_id: &'a str,
    instance_id: &'a str,
    instance_type: &'a str,
    kernel_id: Option<()>,
    pending_time: String,
    private_ip: &'a str,
    ramdisk_id: Option<()>,
    region: &'a str,
    version: &'a str,
}

pub fn document(instance: &InstanceDesired) -> Option<String> {
    let nothing = Metadata::default();
    let metadata = instance.metadata.as_ref().unwrap_or(&nothing);
    let primary = instance.interfaces.iter().find(|interface| interface.device_index == 0)?;
    let document = Document {
        account_id: &instance.account_id,
        architecture: &instance.architecture,
        availability_zone: &metadata.availability_zone,
        billing_products: None,
        devpay_product_codes: None,
        marketplace_product_codes: None,
        image_id: &metadata.ami_id,
        instance_id: &instance.instance_id,
        instance_type: &instance.instance_type,
        kernel_id: None,
        pending_time: pending_time(metadata),
        private_ip: &primary.private_ip_address,
        ramdisk_id: None,
        region: &metadata.region,
        version: "2017-09-30",
    };
    serde_json::to_string_pretty(&document).ok()
}

fn pending_time(metadata: &Metadata) -> String {
    let seconds = metadata.launch_time.as_ref().map_or(0, |time| time.seconds);
    let launched = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    timestamp(launched)
}

/// `2026-11-23T15:04:05Z`
fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = (seconds / 86400, seconds % 86400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The date so many days after 1970-01-01, counted in eras of 400 years that begin in March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_ec2_writes_it() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_795_446_245, "2026-11-23T15:04:05Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
