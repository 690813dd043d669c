//! The types of the tables. All of them are plain data in the program's read-only memory.

/// A service of AWS's.
#[derive(Debug)]
pub struct Service {
    /// As in a signature's scope: `ec2`.
    pub name: &'static str,
    /// The API version that the tables are of.
    pub version: &'static str,
    pub protocol: Protocol,
    /// Of the XML, as it is on the wire.
    pub namespace: &'static str,
    /// Sorted by name.
    pub operations: &'static [Operation],
}

/// The two XML protocols with form-encoded requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// EC2's own: flat lists in requests, members directly below the root in answers.
    Ec2,
    /// AWS Query (STS, IAM): `Name.member.1` in requests, a result element in answers.
    Query,
}

#[derive(Debug)]
pub struct Operation {
    /// The service's name and the rest of what an answer needs to know of it.
    pub service: &'static Service,
    /// `RunInstances`.
    pub name: &'static str,
    /// The gRPC path: `/aws.ec2.Instances/RunInstances`.
    pub path: &'static str,
    pub status: Status,
    pub request: &'static Shape,
    /// `None` where AWS's answer has no members.
    pub answer: Option<&'static Shape>,
    /// The element around an answer's members (AWS Query).
    pub result: Option<&'static str>,
    /// What is done or accepted at one value, sorted by path; everything else is refused.
    pub parameters: &'static [Parameter],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Served,
    /// Has messages and no handler: clients are told `InvalidAction`.
    Planned,
}

#[derive(Debug)]
pub struct Parameter {
    /// Without list indices: `BlockDeviceMapping.Ebs.VolumeSize`.
    pub path: &'static str,
    pub standing: Standing,
}

/// What becomes of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Obeyed.
    Done,
    /// Accepted at this value, which asks for nothing.
    DefaultOnly(&'static str),
    /// Known to AWS and refused by name.
    Refused,
}

/// A structure.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    /// In the order of AWS's model, which is the order of elements in an answer.
    pub fields: &'static [Field],
}

#[derive(Debug)]
pub struct Field {
    /// The protobuf field number.
    pub number: u32,
    /// The name in a request.
    pub query: &'static str,
    /// The element in an answer.
    pub xml: &'static str,
    /// Of the element, where the field is a list.
    pub kind: Kind,
    /// The element of a list's items; `None` where the field is no list.
    pub item: Option<&'static str>,
    /// Whether every request has it.
    pub required: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Free text: may be empty.
    Text,
    /// Text that names something: empty counts as absent.
    Id,
    /// One of these words in requests. Answers may carry newer ones.
    Words(&'static [&'static str]),
    Bool,
    Int32,
    Int64,
    Float,
    Double,
    /// Base64 on AWS's wire, bytes in protobuf.
    Blob,
    /// ISO 8601 on AWS's wire, `google.protobuf.Timestamp` in protobuf.
    Timestamp,
    Message(&'static Shape),
}

impl Service {
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        let index = self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        self.operations.get(index)
    }
}

impl Operation {
    /// What becomes of the parameter at a path without indices.
    pub fn standing(&self, path: &str) -> Standing {
        let found = self.parameters.binary_search_by(|parameter| parameter.path.cmp(path)).ok();
        found.and_then(|index| self.parameters.get(index)).map_or(Standing::Refused, |parameter| parameter.standing)
    }

    /// The scalar field that a path of names (no indices) ends at.
    pub fn leaf<'a>(&self, names: impl Iterator<Item = &'a str>) -> Option<&'static Field> {
        let mut shape = Some(self.request);
        let mut leaf = None;
        for name in names {
            let field = shape?.field(name)?;
            shape = if let Kind::Message(below) = field.kind { Some(below) } else { None };
            leaf = Some(field);
        }
        leaf.filter(|field| !matches!(field.kind, Kind::Message(_)))
    }
}

impl Shape {
    /// The field of a name in requests.
    pub fn field(&self, query: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.query == query)
    }
}

impl Field {
    pub const fn new(number: u32, query: &'static str, xml: &'static str, kind: Kind) -> Self {
        Self { number, query, xml, kind, item: None, required: false }
    }

    #[must_use]
    pub const fn list(mut self, item: &'static str) -> Self {
        self.item = Some(item);
        self
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl Kind {
    /// Whether an empty value counts as none: it does for whatever an empty text can not mean. It can mean no bytes, which takes user data
    /// away. Older clients send `InstanceId=` next to what they mean.
    pub const fn empty_is_absent(&self) -> bool {
        !matches!(self, Kind::Text | Kind::Blob | Kind::Message(_))
    }
}
