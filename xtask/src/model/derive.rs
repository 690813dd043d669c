//! AWS's model and the actions wanted, to a [`Contract`] without numbers ([`super::numbers`] gives them).

use std::collections::{BTreeMap, BTreeSet};

use super::Failure;
use super::botocore::{Member, Model, Shape};
use super::contract::{Contract, Family, Field, File, Kind, Label, Message, Method, Protocol};
use super::listing::Listing;
use super::names;

/// The file of what two families reach.
const COMMON: &str = "common";

/// How a shape is reached from the actions wanted.
#[derive(Default)]
struct Reach {
    families: BTreeSet<String>,
    request: bool,
    answer: bool,
}

struct Deriver<'a> {
    service: &'a str,
    model: &'a Model,
    open_words: &'a [String],
    protocol: Protocol,
    reach: BTreeMap<String, Reach>,
}

pub fn derive(service: &str, model: &Model, listing: &Listing) -> Result<Contract, Failure> {
    let families = listing.services.get(service).ok_or_else(|| format!("proto/actions.toml lists no family of {service}"))?;
    let name = model.metadata.protocol.clone();
    // EC2 sends a slash at the end of its namespace that the model does not have.
    let namespace = format!("{}/", model.metadata.xml_namespace.trim_end_matches('/'));
    let protocol = Protocol { name, version: model.metadata.api_version.clone(), namespace };
    let mut deriver = Deriver { service, model, open_words: &listing.model.open_words, protocol, reach: BTreeMap::new() };
    let mut files = BTreeMap::new();
    for (family, actions) in families {
        let methods = actions.keys().map(|action| deriver.method(family, action)).collect::<Result<_, _>>()?;
        files.insert(names::snake(family), File { family: Some(Family { name: family.clone(), methods }), ..File::default() });
    }
    deriver.messages(&mut files)?;
    for (name, file) in &mut files {
        file.imports = imports(service, name, file);
    }
    Ok(Contract { service: service.to_owned(), protocol: deriver.protocol, files })
}

/// What a file needs: the options always, the common messages where its own name them.
pub fn imports(service: &str, name: &str, file: &File) -> Vec<String> {
    let fields = || file.messages.iter().flat_map(|message| &message.fields);
    let own: BTreeSet<&str> = file.messages.iter().map(|message| message.name.as_str()).collect();
    let foreign = |message: &str| !own.contains(message);
    let methods = || file.family.iter().flat_map(|family| &family.methods);
    let mut imports = vec!["aws/wire.proto".to_owned()];
    let from_fields = fields().any(|field| matches!(&field.kind, Kind::Message(message) if foreign(message)));
    let from_methods = methods().any(|method| foreign(&method.request) || method.answer.as_deref().is_some_and(foreign));
    if name != COMMON && (from_fields || from_methods) {
        imports.insert(0, format!("aws/{service}/{COMMON}.proto"));
    }
    if methods().any(|method| method.answer.is_none()) {
        imports.push("google/protobuf/empty.proto".to_owned());
    }
    if fields().any(|field| field.kind == Kind::Timestamp) {
        imports.push("google/protobuf/timestamp.proto".to_owned());
    }
    imports
}

impl Deriver<'_> {
    fn method(&mut self, family: &str, action: &str) -> Result<Method, Failure> {
        let operation = self.model.operations.get(action).ok_or_else(|| format!("{}: AWS's model has no action {action}", self.service))?;
        let request =
            operation.input.as_ref().ok_or_else(|| format!("{action}: an action without a request shape is not supported yet"))?;
        self.visit(family, &request.shape, true, &mut Vec::new())?;
        if let Some(answer) = &operation.output {
            self.visit(family, &answer.shape, false, &mut Vec::new())?;
        }
        Ok(Method {
            name: action.to_owned(),
            request: request.shape.clone(),
            answer: operation.output.as_ref().map(|answer| answer.shape.clone()),
            result: operation.output.as_ref().and_then(|answer| answer.result_wrapper.clone()),
        })
    }

    /// Notes that `family` reaches the shape and all below it. `above` finds recursion, which parameter paths could not name.
    fn visit(&mut self, family: &str, name: &str, request: bool, above: &mut Vec<String>) -> Result<(), Failure> {
        if above.iter().any(|above| above == name) {
            return Err(format!("{name}: recursive shapes are not supported").into());
        }
        let reach = self.reach.entry(name.to_owned()).or_default();
        reach.families.insert(family.to_owned());
        reach.request |= request;
        reach.answer |= !request;
        let shape = shape(self.model, name)?;
        above.push(name.to_owned());
        for member in shape.members.iter().map(|(_, member)| member).chain(&shape.member) {
            self.visit(family, &member.shape, request, above)?;
        }
        above.pop();
        Ok(())
    }

    fn messages(&self, files: &mut BTreeMap<String, File>) -> Result<(), Failure> {
        for (name, reach) in &self.reach {
            let shape = shape(self.model, name)?;
            let home = match reach.families.iter().collect::<Vec<_>>()[..] {
                [family] => names::snake(family),
                _ => COMMON.to_owned(),
            };
            if shape.kind == "structure" {
                let message = self.message(name, shape, reach)?;
                files.entry(home).or_default().messages.push(message);
            } else if self.is_closed(name, shape) {
                files.entry(home).or_default().words.insert(name.clone(), shape.words.clone());
            }
        }
        Ok(())
    }

    fn is_closed(&self, name: &str, shape: &Shape) -> bool {
        !shape.words.is_empty() && !self.open_words.iter().any(|open| open == name)
    }

    fn message(&self, name: &str, shape: &Shape, reach: &Reach) -> Result<Message, Failure> {
        let mut fields = Vec::new();
        for (member_name, member) in &shape.members {
            let required = reach.request && shape.required.contains(member_name);
            fields.push(self.field(name, member_name, member, required, reach)?);
        }
        Ok(Message { name: name.to_owned(), fields, reserved: Vec::new() })
    }

    fn field(&self, owner: &str, member_name: &str, member: &Member, required: bool, reach: &Reach) -> Result<Field, Failure> {
        let shape = shape(self.model, &member.shape)?;
        let name = names::snake(member_name);
        let list = shape.member.as_ref();
        if shape.flattened {
            return Err(format!("{owner}.{member_name}: flattened lists are not supported yet").into());
        }
        let element_name = list.map_or(&member.shape, |element| &element.shape);
        let element = self::shape(self.model, element_name)?;
        let kind =
            kind(element_name, element).ok_or_else(|| format!("{owner}.{member_name}: the type {} is not supported yet", element.kind))?;
        let scalar = list.is_none() && !matches!(kind, Kind::Message(_) | Kind::Timestamp);
        let label = match (list.is_some(), required && scalar && !reach.answer) {
            (true, _) => Label::Repeated,
            (false, true) => Label::Required,
            (false, false) => Label::Optional,
        };
        Ok(Field {
            number: 0,
            kind,
            label,
            required: required && label != Label::Required,
            query: reach.request.then(|| self.query_name(member_name, member)).filter(|query| *query != names::upper_camel(&name)),
            xml: reach.answer.then(|| xml_name(member_name, member)).filter(|xml| *xml != self.protocol.default_xml(&name)),
            item: list.and_then(|element| self.item_name(element, reach)),
            one_of: self.is_closed(element_name, element).then(|| element_name.clone()),
            name,
        })
    }

    fn query_name(&self, member_name: &str, member: &Member) -> String {
        let location = member.location_name.as_deref();
        if self.protocol.name == "ec2" {
            return member.query_name.clone().unwrap_or_else(|| names::capitalised(location.unwrap_or(member_name)));
        }
        location.unwrap_or(member_name).to_owned()
    }

    /// EC2's requests have flat lists and need no item name; an unnamed item is `member` by the rule of both protocols.
    fn item_name(&self, element: &Member, reach: &Reach) -> Option<String> {
        let named = element.location_name.as_deref().unwrap_or("member");
        let used = reach.answer || self.protocol.name != "ec2";
        (used && named != self.protocol.default_item()).then(|| named.to_owned())
    }
}

fn xml_name(member_name: &str, member: &Member) -> String {
    member.location_name.clone().unwrap_or_else(|| member_name.to_owned())
}

fn shape<'a>(model: &'a Model, name: &str) -> Result<&'a Shape, Failure> {
    model.shapes.get(name).ok_or_else(|| format!("AWS's model has no shape {name}").into())
}

fn kind(name: &str, shape: &Shape) -> Option<Kind> {
    Some(match shape.kind.as_str() {
        "string" => Kind::String,
        "boolean" => Kind::Bool,
        "integer" => Kind::Int32,
        "long" => Kind::Int64,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "blob" => Kind::Bytes,
        "timestamp" => Kind::Timestamp,
        "structure" => Kind::Message(name.to_owned()),
        _ => return None,
    })
}
