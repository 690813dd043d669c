//! What a service's .proto files say, as values: read from them ([`super::read`]), derived from AWS's model ([`super::derive`]) and
//! written to them ([`super::write`]). Everything else that is generated comes from here.

use std::collections::BTreeMap;

/// One AWS service: the .proto files of one package, by file name without ending (`instances`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// `ec2`; the package is `aws.ec2`.
    pub service: String,
    pub protocol: Protocol,
    pub files: BTreeMap<String, File>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protocol {
    /// `ec2` or `query`.
    pub name: String,
    pub version: String,
    pub namespace: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    pub imports: Vec<String>,
    pub words: BTreeMap<String, Vec<String>>,
    pub family: Option<Family>,
    pub messages: Vec<Message>,
}

/// A gRPC service: the actions on one kind of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    pub name: String,
    pub methods: Vec<Method>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    pub name: String,
    pub request: String,
    /// `None` where AWS's answer has no members: `google.protobuf.Empty`.
    pub answer: Option<String>,
    pub result: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub name: String,
    /// In the model's order, which is the order of the elements in XML; the numbers need not ascend.
    pub fields: Vec<Field>,
    /// Numbers that delisted fields had.
    pub reserved: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub number: u32,
    pub kind: Kind,
    pub label: Label,
    /// Of messages and lists; a scalar says it by [`Label::Required`].
    pub required: bool,
    pub query: Option<String>,
    pub xml: Option<String>,
    pub item: Option<String>,
    pub one_of: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    String,
    Bool,
    Int32,
    Int64,
    Float,
    Double,
    Bytes,
    Timestamp,
    Message(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A scalar that every request carries: implicit presence, no `Option` in the handler.
    Required,
    Optional,
    Repeated,
}

impl Contract {
    pub fn messages(&self) -> impl Iterator<Item = (&str, &Message)> {
        self.files.iter().flat_map(|(file, contents)| contents.messages.iter().map(move |message| (file.as_str(), message)))
    }

    pub fn message(&self, name: &str) -> Option<&Message> {
        self.messages().find(|(_, message)| message.name == name).map(|(_, message)| message)
    }

    pub fn methods(&self) -> impl Iterator<Item = (&Family, &Method)> {
        self.files
            .values()
            .filter_map(|file| file.family.as_ref())
            .flat_map(|family| family.methods.iter().map(move |method| (family, method)))
    }

    pub fn words(&self, name: &str) -> Option<&[String]> {
        self.files.values().find_map(|file| file.words.get(name)).map(Vec::as_slice)
    }

    pub fn package(&self) -> String {
        format!("aws.{}", self.service)
    }

    pub fn path(&self, family: &Family, method: &Method) -> String {
        format!("/{}.{}/{}", self.package(), family.name, method.name)
    }

    /// The field's element in an answer.
    pub fn xml_name(&self, field: &Field) -> String {
        field.xml.clone().unwrap_or_else(|| self.protocol.default_xml(&field.name))
    }

    /// The element of a list's items in an answer.
    pub fn item_name(&self, field: &Field) -> String {
        field.item.clone().unwrap_or_else(|| self.protocol.default_item().to_owned())
    }
}

impl Protocol {
    pub fn default_xml(&self, field: &str) -> String {
        if self.name == "ec2" { super::names::lower_camel(field) } else { super::names::upper_camel(field) }
    }

    pub fn default_item(&self) -> &'static str {
        if self.name == "ec2" { "item" } else { "member" }
    }
}

impl Field {
    /// The field's name in a request.
    pub fn query_name(&self) -> String {
        self.query.clone().unwrap_or_else(|| super::names::upper_camel(&self.name))
    }

    pub fn is_required(&self) -> bool {
        self.required || self.label == Label::Required
    }
}
