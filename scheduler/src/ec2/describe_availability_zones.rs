//! `DescribeAvailabilityZones`: the configured ones, by name and by id.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message;
use super::shown::never;
use crate::engine::{Ask, Query};
use crate::filter::Table;
use crate::store::Outcome;
use crate::{Settings, Zone};

/// A zone and the region it is in.
struct ZoneView {
    zone: Zone,
    region: String,
}

const OPT_IN_STATUS: &str = "opt-in-not-required";
const STATE: &str = "available";
const TYPE: &str = "availability-zone";

const FILTERS: Table<ZoneView> = Table {
    names: &[
        ("group-long-name", |view, say| say(&view.region)),
        never!("message"),
        never!("parent-zone-id"),
        never!("parent-zone-name"),
        ("group-name", |view, say| say(&view.region)),
        ("opt-in-status", |_, say| say(OPT_IN_STATUS)),
        ("region-name", |view, say| say(&view.region)),
        ("state", |_, say| say(STATE)),
        ("zone-id", |view, say| say(&view.zone.id)),
        ("zone-name", |view, say| say(&view.zone.name)),
        ("zone-type", |_, say| say(TYPE)),
    ],
    tags: None,
};

impl Query for ec2::DescribeAvailabilityZonesRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::FilterLimitExceeded, ErrorCode::InvalidParameterValue];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeAvailabilityZonesResult> {
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        check_known("zone name", &self.zone_names, &ask.settings, |zone| &zone.name)?;
        check_known("zone id", &self.zone_ids, &ask.settings, |zone| &zone.id)?;
        let named = |zone: &Zone| {
            (self.zone_names.is_empty() || self.zone_names.contains(&zone.name))
                && (self.zone_ids.is_empty() || self.zone_ids.contains(&zone.id))
        };
        let zones = ask.settings.zones.iter().filter(|zone| named(zone));
        let views = zones.map(|zone| ZoneView { zone: zone.clone(), region: ask.settings.region.clone() });
        let availability_zones = views.filter(|view| filters.matches(view)).map(|view| (&view).into()).collect();
        Ok(ec2::DescribeAvailabilityZonesResult { availability_zones })
    }
}

fn check_known(noun: &str, asked: &[String], settings: &Settings, word: fn(&Zone) -> &String) -> Result<(), Fault> {
    match asked.iter().find(|asked| !settings.zones.iter().any(|zone| word(zone) == *asked)) {
        Some(unknown) => Err(Fault::new(ErrorCode::InvalidParameterValue, format!("Invalid availability {noun}: [{unknown}]"))),
        None => Ok(()),
    }
}

impl From<&ZoneView> for ec2::AvailabilityZone {
    fn from(ZoneView { zone, region }: &ZoneView) -> Self {
        Self {
            zone_name: Some(zone.name.clone()),
            zone_id: Some(zone.id.clone()),
            region_name: Some(region.clone()),
            group_name: Some(region.clone()),
            network_border_group: Some(region.clone()),
            opt_in_status: Some(OPT_IN_STATUS.into()),
            state: Some(STATE.into()),
            zone_type: Some(TYPE.into()),
            ..Self::default()
        }
    }
}
