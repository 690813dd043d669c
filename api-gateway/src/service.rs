//! The AWS services served here: how requests to them are told, and which versions of their APIs are known.

use freehold_proto::{ErrorCode, Fault};
use freehold_wire::{Operation, Status};

use crate::codec::shortened;
use crate::query::Query;

/// A service whose actions the scheduler handles.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// The signing name, which stands in the credential scope.
    pub name: &'static str,
    /// AWS's name for it in `NoSuchVersion`.
    title: &'static str,
    versions: &'static [&'static str],
}

/// Every version of EC2's API that AWS published. Old ones are answered in the newest form, which only adds to them.
#[rustfmt::skip]
const EC2_VERSIONS: &[&str] = &[
    "2006-06-26", "2006-10-01", "2007-01-03", "2007-01-19", "2007-03-01", "2007-08-29", "2008-02-01", "2008-05-05", "2008-08-08",
    "2008-12-01", "2009-03-01", "2009-04-04", "2009-07-15", "2009-08-15", "2009-10-31", "2009-11-30", "2010-06-15", "2010-08-31",
    "2010-11-15", "2011-01-01", "2011-02-28", "2011-05-15", "2011-07-15", "2011-11-01", "2011-12-01", "2011-12-15", "2012-03-01",
    "2012-04-01", "2012-05-01", "2012-06-01", "2012-06-15", "2012-07-20", "2012-08-15", "2012-10-01", "2012-12-01", "2013-02-01",
    "2013-06-15", "2013-07-15", "2013-08-15", "2013-10-01", "2013-10-15", "2014-02-01", "2014-05-01", "2014-06-15", "2014-09-01",
    "2014-10-01", "2015-03-01", "2015-04-15", "2015-10-01", "2016-04-01", "2016-09-15", "2016-11-15",
];

const SERVED: &[Service] = &[
    Service { name: "ec2", title: "AmazonEC2", versions: EC2_VERSIONS },
    Service { name: "sts", title: "AWSSecurityTokenService", versions: &["2011-06-15"] },
];

impl Service {
    /// By signing name.
    pub fn find(name: &str) -> Option<&'static Self> {
        SERVED.iter().find(|service| service.name == name)
    }

    /// The table of an action that has a handler.
    pub fn action(&self, name: &str) -> Option<&'static Operation> {
        freehold_wire::operation(self.name, name).filter(|operation| operation.status == Status::Served)
    }

    pub fn knows(&self, version: &str) -> bool {
        self.versions.contains(&version)
    }

    /// What `NoSuchVersion` says.
    pub fn unknown_version(&self, version: &str) -> String {
        format!("The requested version ({}) of service {} does not exist", shortened(version), self.title)
    }

    /// In each service's own words.
    pub fn unknown_action(&self, query: &Query) -> Fault {
        let (action, version) = (shortened(&query.action), shortened(&query.version));
        let message = match self.name {
            "ec2" => format!("The action {action} is not valid for this web service."),
            _ => format!("Could not find operation {action} for version {version}"),
        };
        Fault::new(ErrorCode::InvalidAction, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_of_the_tables_is_served_at_their_version() {
        for table in freehold_wire::services() {
            let service = Service::find(table.name).unwrap_or_else(|| panic!("{} has tables and is not served", table.name));
            assert!(service.knows(table.version), "{} {}", table.name, table.version);
        }
        assert_eq!(freehold_wire::services().len(), SERVED.len());
    }

    #[test]
    fn only_what_has_a_handler_is_an_action() {
        let all = freehold_wire::services().iter().flat_map(|table| table.operations.iter().map(move |operation| (table, operation)));
        for (table, operation) in all {
            let found = Service::find(table.name).and_then(|service| service.action(operation.name));
            assert_eq!(found.is_some(), operation.status == Status::Served, "{} {}", table.name, operation.name);
        }
        assert!(Service::find("sts").unwrap().action("GetCallerIdentity").is_some());
    }
}
