//! The AWS services served here: how requests to them are told, and which versions of their APIs are known.

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

    pub fn knows(&self, version: &str) -> bool {
        self.versions.contains(&version)
    }

    /// What `NoSuchVersion` says.
    pub fn unknown_version(&self, version: &str) -> String {
        format!("The requested version ({version}) of service {} does not exist", self.title)
    }
}
