//! Reservations of blocks in subnets.

use std::sync::Arc;

use freehold_proto::aws::ec2;

use crate::ec2::message;
use crate::filter::Table;
use crate::store::read::resources::Tagged;
use crate::store::subnet_cidr_reservation;

pub type Reservation = Tagged<Arc<subnet_cidr_reservation::Model>>;

pub const FILTERS: Table<Reservation> = Table {
    names: &[("reservationType", |view, say| say(&view.item.reservation_type)), ("subnet-id", |view, say| say(&view.item.subnet_id))],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl From<&Reservation> for ec2::SubnetCidrReservation {
    fn from(view: &Reservation) -> Self {
        let Tagged { item, tags } = view;
        Self {
            subnet_cidr_reservation_id: Some(item.subnet_cidr_reservation_id.clone()),
            subnet_id: Some(item.subnet_id.clone()),
            cidr: Some(item.cidr.clone()),
            reservation_type: Some(item.reservation_type.clone()),
            owner_id: Some(item.account_id.clone()),
            description: item.description.clone(),
            tags: message::tags(tags),
        }
    }
}
