//! A service's .proto files to a [`Contract`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, FileDescriptor, Kind as Wire, MessageDescriptor, ReflectMessage, ServiceDescriptor,
    Value,
};

use super::Failure;
use super::contract::{Contract, Family, Field, File, Kind, Label, Message, Method, Protocol};

/// The folder's .proto files in order, with paths as imports name them (`aws/ec2/images.proto`).
fn proto_files(root: &Path, service: &str) -> Result<Vec<PathBuf>, Failure> {
    let folder = root.join("aws").join(service);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "proto") {
            files.push(path.strip_prefix(root)?.to_path_buf());
        }
    }
    files.sort();
    Ok(files)
}

/// Compiles the services' .proto files below `root` (the folder `proto`).
pub fn compile(root: &Path, services: &[&str]) -> Result<protox::Compiler, Failure> {
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(false);
    for service in services {
        compiler.open_files(proto_files(root, service)?)?;
    }
    Ok(compiler)
}

/// What the checked-in .proto files say; an empty contract where there are none yet.
pub fn read(root: &Path, service: &str) -> Result<Contract, Failure> {
    let pool = compile(root, &[service])?.descriptor_pool();
    let mut contract = Contract { service: service.to_owned(), protocol: Protocol::default(), files: BTreeMap::new() };
    let prefix = format!("aws/{service}/");
    for file in pool.files() {
        let Some(name) = file.name().strip_prefix(&prefix).and_then(|name| name.strip_suffix(".proto")) else { continue };
        contract.protocol = protocol(&pool, &file)?;
        contract.files.insert(name.to_owned(), read_file(&pool, &file)?);
    }
    Ok(contract)
}

fn read_file(pool: &DescriptorPool, file: &FileDescriptor) -> Result<File, Failure> {
    let proto = file.file_descriptor_proto();
    let messages = file.messages().map(|message| read_message(pool, &message)).collect::<Result<_, _>>()?;
    let family = file.services().next().map(|service| read_family(pool, &service)).transpose()?;
    Ok(File { imports: proto.dependency.clone(), words: words(pool, file)?, family, messages })
}

fn read_family(pool: &DescriptorPool, service: &ServiceDescriptor) -> Result<Family, Failure> {
    let mut methods = Vec::new();
    for method in service.methods() {
        let answer = method.output();
        methods.push(Method {
            name: method.name().to_owned(),
            request: method.input().name().to_owned(),
            answer: (answer.full_name() != "google.protobuf.Empty").then(|| answer.name().to_owned()),
            result: text(pool, &method.options(), "result")?,
        });
    }
    Ok(Family { name: service.name().to_owned(), methods })
}

fn read_message(pool: &DescriptorPool, message: &MessageDescriptor) -> Result<Message, Failure> {
    let mut fields = Vec::new();
    for declared in &message.descriptor_proto().field {
        let field = message.get_field_by_name(declared.name()).ok_or("a field that is not there")?;
        fields.push(read_field(pool, &field)?);
    }
    let reserved = message.reserved_ranges().flatten().collect();
    Ok(Message { name: message.name().to_owned(), fields, reserved })
}

fn read_field(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<Field, Failure> {
    let options = field.options();
    let kind = kind(field)?;
    let label = match &kind {
        _ if field.is_list() => Label::Repeated,
        Kind::Message(_) | Kind::Timestamp => Label::Optional,
        _ if field.supports_presence() => Label::Optional,
        _ => Label::Required,
    };
    Ok(Field {
        name: field.name().to_owned(),
        number: field.number(),
        kind,
        label,
        required: extension(pool, &options, "required")?.and_then(|value| value.as_bool()).unwrap_or_default(),
        query: text(pool, &options, "query")?,
        xml: text(pool, &options, "xml")?,
        item: text(pool, &options, "item")?,
        one_of: text(pool, &options, "one_of")?,
    })
}

fn kind(field: &FieldDescriptor) -> Result<Kind, Failure> {
    Ok(match field.kind() {
        Wire::String => Kind::String,
        Wire::Bool => Kind::Bool,
        Wire::Int32 => Kind::Int32,
        Wire::Int64 => Kind::Int64,
        Wire::Float => Kind::Float,
        Wire::Double => Kind::Double,
        Wire::Bytes => Kind::Bytes,
        Wire::Message(message) if message.full_name() == "google.protobuf.Timestamp" => Kind::Timestamp,
        Wire::Message(message) => Kind::Message(message.name().to_owned()),
        other => return Err(format!("{}: the type {other:?} is not one that the generator writes", field.full_name()).into()),
    })
}

fn protocol(pool: &DescriptorPool, file: &FileDescriptor) -> Result<Protocol, Failure> {
    let value =
        extension(pool, &file.options(), "protocol")?.ok_or_else(|| format!("{}: option (aws.wire.protocol) is missing", file.name()))?;
    let message = value.as_message().ok_or("option (aws.wire.protocol) is not a message")?;
    Ok(Protocol { name: member(message, "name"), version: member(message, "version"), namespace: member(message, "namespace") })
}

fn words(pool: &DescriptorPool, file: &FileDescriptor) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let lists = extension(pool, &file.options(), "words")?;
    let mut words = BTreeMap::new();
    for list in lists.as_ref().and_then(Value::as_list).unwrap_or_default() {
        let list = list.as_message().ok_or("option (aws.wire.words) is not a message")?;
        let entries = list.get_field_by_name("word");
        let entries = entries.as_deref().and_then(Value::as_list).unwrap_or_default();
        words.insert(member(list, "name"), entries.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    Ok(words)
}

fn member(message: &DynamicMessage, name: &str) -> String {
    message.get_field_by_name(name).as_deref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn text(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Result<Option<String>, Failure> {
    Ok(extension(pool, options, name)?.and_then(|value| value.as_str().map(str::to_owned)))
}

/// An option of `proto/aws/wire.proto`, where it is set. Several kinds of options share a name, hence the look at whose it is.
fn extension(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Result<Option<Value>, Failure> {
    let extension =
        pool.get_extension_by_name(&format!("aws.wire.{name}")).ok_or_else(|| format!("proto/aws/wire.proto has no option {name}"))?;
    let ours = extension.containing_message() == options.descriptor() && options.has_extension(&extension);
    Ok(ours.then(|| options.get_extension(&extension).into_owned()))
}
