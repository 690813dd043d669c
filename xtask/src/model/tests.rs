//! Field numbers over the years: a small model of a service, generated, changed and generated again.

use std::path::Path;

use super::botocore::Model;
use super::contract::Contract;
use super::listing::Listing;
use super::{Failure, conversions, read, update};

const LISTING: &str = r#"
[model]
versions = { ec2 = "2016-11-15" }
open-words = []

[ec2.Things.DescribeThing]
status = "served"
"#;

const WITHOUT_ACTIONS: &str = r#"
[model]
versions = { ec2 = "2016-11-15" }
open-words = []

[ec2.Others.DescribeOther]
status = "planned"
"#;

/// A model whose action `DescribeThing` has these members of its request.
fn model(members: &str) -> Model {
    let json = format!(
        r#"{{
        "metadata": {{"apiVersion": "2016-11-15", "protocol": "ec2", "xmlNamespace": "http://ec2.amazonaws.com/doc/2016-11-15"}},
        "operations": {{
            "DescribeThing": {{"input": {{"shape": "DescribeThingRequest"}}}},
            "DescribeOther": {{"input": {{"shape": "DescribeOtherRequest"}}}}
        }},
        "shapes": {{
            "DescribeThingRequest": {{"type": "structure", "members": {{{members}}}}},
            "DescribeOtherRequest": {{"type": "structure", "members": {{"Name": {{"shape": "String"}}}}}},
            "Colour": {{"type": "string", "enum": ["red", "green"]}},
            "String": {{"type": "string"}},
            "Strings": {{"type": "list", "member": {{"shape": "String"}}}},
            "Integer": {{"type": "integer"}}
        }}}}"#
    );
    serde_json::from_str(&json).expect("a model")
}

fn listing(text: &str) -> Listing {
    toml::from_str(text).expect("a listing")
}

/// A folder `proto` with nothing in it but the options.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("aws")).expect("a folder");
    let options = crate::internal::root().join("proto/aws/wire.proto");
    std::fs::copy(options, folder.path().join("aws/wire.proto")).expect("the options");
    folder
}

fn generate(proto: &Path, members: &str) -> Result<Contract, Failure> {
    update(proto, "ec2", &model(members), &listing(LISTING))
}

fn numbers(contract: &Contract) -> Vec<(&str, u32)> {
    let message = contract.message("DescribeThingRequest").expect("the message");
    message.fields.iter().map(|field| (field.name.as_str(), field.number)).collect()
}

#[test]
fn a_new_field_is_appended_wherever_the_model_has_it() {
    let proto = folder();
    generate(proto.path(), r#""A": {"shape": "String"}, "C": {"shape": "String"}"#).expect("generated");
    let contract =
        generate(proto.path(), r#""A": {"shape": "String"}, "B": {"shape": "Integer"}, "C": {"shape": "String"}"#).expect("generated");
    assert_eq!(numbers(&contract), [("a", 1), ("b", 3), ("c", 2)]);
}

#[test]
fn a_delisted_field_leaves_its_number_reserved_for_good() {
    let proto = folder();
    generate(proto.path(), r#""A": {"shape": "String"}, "B": {"shape": "String"}"#).expect("generated");
    for _ in 0..2 {
        let contract = generate(proto.path(), r#""A": {"shape": "String"}"#).expect("generated");
        assert_eq!(contract.message("DescribeThingRequest").expect("the message").reserved, [2]);
    }
    let contract = generate(proto.path(), r#""A": {"shape": "String"}, "C": {"shape": "String"}"#).expect("generated");
    assert_eq!(numbers(&contract), [("a", 1), ("c", 3)]);
}

#[test]
fn a_changed_type_is_refused_and_nothing_is_written() {
    let proto = folder();
    generate(proto.path(), r#""A": {"shape": "String"}"#).expect("generated");
    let file = proto.path().join("aws/ec2/things.proto");
    let before = std::fs::read_to_string(&file).expect("the file");
    for shape in ["Integer", "Strings"] {
        let members = format!(r#""A": {{"shape": "{shape}"}}"#);
        let error = generate(proto.path(), &members).expect_err("a refusal").to_string();
        assert!(error.contains("DescribeThingRequest.a"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), before);
    }
}

#[test]
fn messages_of_a_delisted_action_stay_with_their_words() {
    let proto = folder();
    let members = r#""A": {"shape": "Colour"}, "B": {"shape": "String"}"#;
    let before = generate(proto.path(), members).expect("generated");
    let after = update(proto.path(), "ec2", &model(members), &listing(WITHOUT_ACTIONS)).expect("generated");
    assert_eq!(after.message("DescribeThingRequest"), before.message("DescribeThingRequest"));
    assert_eq!(after.words("Colour"), before.words("Colour"));
    assert!(after.methods().all(|(_, method)| method.name != "DescribeThing"));
    let again = generate(proto.path(), members).expect("generated");
    assert_eq!(again.message("DescribeThingRequest"), before.message("DescribeThingRequest"));
}

#[test]
fn generating_twice_changes_nothing() {
    let proto = folder();
    let members = r#""Bs": {"shape": "Strings", "locationName": "B"}, "A": {"shape": "Colour", "locationName": "colour"}"#;
    let first = generate(proto.path(), members).expect("generated");
    let text = std::fs::read_to_string(proto.path().join("aws/ec2/things.proto")).expect("the file");
    assert_eq!(generate(proto.path(), members).expect("generated"), first);
    assert_eq!(std::fs::read_to_string(proto.path().join("aws/ec2/things.proto")).expect("the file"), text);
    assert!(text.contains(r#"repeated string bs = 1 [(aws.wire.query) = "B"];"#), "{text}");
}

#[test]
fn the_checked_in_protos_are_read_and_written_alike() {
    let root = crate::internal::root().join("proto");
    for service in ["ec2", "sts"] {
        let contract = read::read(&root, service).expect("the contract");
        assert!(!contract.files.is_empty());
        for (name, file) in &contract.files {
            let text = std::fs::read_to_string(root.join(format!("aws/{service}/{name}.proto"))).expect("the file");
            assert_eq!(super::write::file(&contract, file), text, "{name}");
        }
    }
}

const BOTH: &str = r#"
[model]
versions = { ec2 = "2016-11-15" }
open-words = []

[[model.conversions]]
from = "DescribeThingRequest"
to = "DescribeOtherRequest"
CONVERSION

[ec2.Things.DescribeThing]
status = "served"
done = ["A", "B.*"]

[ec2.Things.DescribeOther]
status = "served"
"#;

/// What a conversion of a thing's request to another's comes to, with these lines about it.
fn conversion(about: &str) -> Result<String, Failure> {
    let (proto, listing) = (folder(), listing(&BOTH.replace("CONVERSION", about)));
    let members = r#""A": {"shape": "String"}, "B": {"shape": "DescribeOtherRequest"}"#;
    let contract = update(proto.path(), "ec2", &model(members), &listing)?;
    conversions::conversions(&[contract], &listing.model.conversions)
}

#[test]
fn a_conversion_leaves_nothing_behind_that_is_not_named() {
    let lost = conversion("renamed = { a = \"name\" }").expect_err("b has no counterpart").to_string();
    assert!(lost.contains("DescribeThingRequest.b"), "{lost}");
    let text = conversion("renamed = { a = \"name\" }\nwithout = [\"b\"]").expect("a conversion");
    assert!(text.contains("impl From<ec2::DescribeThingRequest> for ec2::DescribeOtherRequest"), "{text}");
    assert!(text.contains("name: from.a,"), "{text}");
    let unlike = conversion("renamed = { b = \"name\" }\nwithout = [\"a\"]").expect_err("a structure is no text").to_string();
    assert!(unlike.contains("of different types"), "{unlike}");
}

#[test]
fn a_star_is_every_parameter_below_a_structure() {
    let (proto, mut listing) = (folder(), listing(&BOTH.replace("CONVERSION", "")));
    let members = r#""A": {"shape": "String"}, "B": {"shape": "DescribeOtherRequest"}"#;
    let contract = update(proto.path(), "ec2", &model(members), &listing).expect("generated");
    listing.spell_out(std::slice::from_ref(&contract)).expect("spelled out");
    assert_eq!(listing.entry("ec2", "Things", "DescribeThing").expect("listed").done, ["A", "B.Name"]);
    let contract = generate(proto.path(), r#""A": {"shape": "String"}"#).expect("generated");
    let mut listing = self::listing(&BOTH.replace("CONVERSION", ""));
    let error = listing.spell_out(&[contract]).expect_err("nothing is below B").to_string();
    assert!(error.contains("B.*"), "{error}");
}
