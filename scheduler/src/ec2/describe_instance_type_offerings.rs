//! `DescribeInstanceTypeOfferings`: which types the hosts offer, in the region or zone by zone. See [`super::offers`].

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message;
use super::offers::Offers;
use super::run_instances::invalid;
use crate::Zone;
use crate::engine::{Ask, Query};
use crate::filter::Table;
use crate::store::Outcome;

/// A type at a place, by what a page is ordered by.
struct Offering {
    key: String,
    instance_type: String,
    location: String,
}

impl Offering {
    fn new(instance_type: &str, location: &str) -> Self {
        Self { key: format!("{instance_type} {location}"), instance_type: instance_type.to_owned(), location: location.to_owned() }
    }
}

const FILTERS: Table<Offering> = Table {
    names: &[("instance-type", |offering, say| say(&offering.instance_type)), ("location", |offering, say| say(&offering.location))],
    tags: None,
};

impl Query for ec2::DescribeInstanceTypeOfferingsRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::FilterLimitExceeded, ErrorCode::InvalidNextToken, ErrorCode::InvalidParameterValue];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeInstanceTypeOfferingsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let location_type = self.location_type.as_deref().filter(|word| !word.is_empty()).unwrap_or("region");
        let mut found = offerings(ask, location_type)?;
        found.retain(|offering| filters.matches(offering));
        found.sort_by(|a, b| a.key.cmp(&b.key));
        let (found, next_token) = page.cut(found, |offering| &offering.key)?;
        let shown = |offering: Offering| ec2::InstanceTypeOffering {
            instance_type: Some(offering.instance_type),
            location_type: Some(location_type.to_owned()),
            location: Some(offering.location),
        };
        Ok(ec2::DescribeInstanceTypeOfferingsResult { instance_type_offerings: found.into_iter().map(shown).collect(), next_token })
    }
}

fn offerings(ask: &Ask, location_type: &str) -> Result<Vec<Offering>, Fault> {
    match location_type {
        "region" => {
            let offers = Offers::of(ask)?;
            let offered = ask.settings.catalogue.iter().filter(|kind| offers.in_region(kind));
            Ok(offered.map(|kind| Offering::new(&kind.name, &ask.settings.region)).collect())
        }
        "availability-zone" => by_zone(ask, |zone| &zone.name),
        "availability-zone-id" => by_zone(ask, |zone| &zone.id),
        // There is none.
        "outpost" => Ok(Vec::new()),
        other => Err(invalid(format!(
            "Value ({other}) for parameter LocationType is invalid. Use region, availability-zone, availability-zone-id or outpost."
        ))),
    }
}

fn by_zone(ask: &Ask, location: fn(&Zone) -> &str) -> Result<Vec<Offering>, Fault> {
    let offers = Offers::of(ask)?;
    let mut found = Vec::new();
    for zone in &ask.settings.zones {
        let offered = ask.settings.catalogue.iter().filter(|kind| offers.in_zone(kind, zone));
        found.extend(offered.map(|kind| Offering::new(&kind.name, location(zone))));
    }
    Ok(found)
}
