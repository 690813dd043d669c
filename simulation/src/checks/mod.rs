//! What must hold: at every step of a host ([`Watch`]), and once everything has been mended and has come to rest ([`at_rest`]).
//!
//! Read from the database's file, the hosts' disks and the clients' journal; nothing is asked of the product.

pub mod capacity;
mod hosts;
pub mod rows;
mod watch;

use crate::cloud::Cloud;
use crate::run::Broken;

pub use watch::Watch;

pub type Checked = Result<(), Broken>;

/// A schedule has come to rest.
pub fn at_rest(cloud: &Cloud) -> Checked {
    let rows = rows::Rows::read(&cloud.database).map_err(|error| Broken::new("the scheduler works", error.to_string()))?;
    rows::writes_are_there(&rows, &cloud.journal, &cloud.groups)?;
    // Before what follows from it, so that each is told by its own name.
    rows::everything_is_buried(&rows)?;
    capacity::holds(&cloud.database)?;
    rows::instances_are_as_asked(&rows, &cloud.journal)?;
    owned(&rows, cloud)
}

/// What holds at rest whatever it is that clients have asked.
pub fn everything_has_its_owner(cloud: &Cloud) -> Checked {
    let rows = rows::Rows::read(&cloud.database).map_err(|error| Broken::new("the scheduler works", error.to_string()))?;
    rows::everything_is_buried(&rows)?;
    capacity::holds(&cloud.database)?;
    owned(&rows, cloud)
}

fn owned(rows: &rows::Rows, cloud: &Cloud) -> Checked {
    rows::nothing_is_without_an_owner(rows)?;
    rows::nothing_is_owned_twice(rows)?;
    hosts::hold_what_they_should(rows, &cloud.hosts)
}
