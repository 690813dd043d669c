//! Wire tables: how the names of AWS's protocols map to protobuf fields and back.
//!
//! The gateway turns a request into protobuf bytes and an answer's bytes into XML by these tables alone; it has no code per action
//! and no message types. Everything in [`generated`] is written by `cargo xtask model` from `proto/aws/**/*.proto` and
//! `proto/actions.toml`. The scheduler holds what a launch template brings to the same tables.

#[allow(unused_imports, clippy::module_inception, reason = "generated code")]
mod generated;
pub mod protobuf;
mod table;

pub use table::{Field, Kind, Operation, Parameter, Protocol, Service, Shape, Standing, Status};

/// Every AWS service that is listed.
pub fn services() -> &'static [&'static Service] {
    generated::SERVICES
}

/// A service by the name that signatures have in their scope: `ec2`.
pub fn service(name: &str) -> Option<&'static Service> {
    services().iter().find(|service| service.name == name).copied()
}

/// An action of a service, served or planned.
pub fn operation(service: &str, action: &str) -> Option<&'static Operation> {
    self::service(service)?.operation(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_actions_are_found_and_others_are_not() {
        let operation = operation("ec2", "RunInstances").expect("RunInstances is listed");
        assert_eq!(operation.path, "/aws.ec2.Instances/RunInstances");
        assert!(super::operation("ec2", "runinstances").is_none());
        assert!(super::operation("s3", "RunInstances").is_none());
    }

    #[test]
    fn tables_are_sorted_as_the_lookups_need() {
        for service in services() {
            assert!(service.operations.is_sorted_by(|one, other| one.name < other.name), "{}", service.name);
            for operation in service.operations {
                assert!(operation.parameters.is_sorted_by(|one, other| one.path < other.path), "{}", operation.name);
            }
        }
    }

    #[test]
    fn every_parameter_with_a_standing_exists() {
        for operation in services().iter().flat_map(|service| service.operations) {
            for parameter in operation.parameters {
                assert!(operation.leaf(parameter.path.split('.')).is_some(), "{}: {}", operation.name, parameter.path);
            }
        }
    }

    #[test]
    fn what_a_request_must_have_is_served() {
        for operation in services().iter().flat_map(|service| service.operations) {
            for field in operation.request.fields.iter().filter(|field| field.required && !matches!(field.kind, Kind::Message(_))) {
                assert!(operation.standing(field.query) != Standing::Refused, "{}: {} is required", operation.name, field.query);
            }
        }
    }
}
