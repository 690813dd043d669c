use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use freehold_proto::internal::host::{InterfaceAttachment, VolumeAttachment};
use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_795_446_245;

fn metadata() -> Metadata {
    Metadata {
        ami_id: "ami-1".into(),
        reservation_id: "r-1".into(),
        key_name: "me".into(),
        public_key: "ssh-ed25519 AAAA me".into(),
        private_dns_name: "ip-172-31-0-5.ec2.internal".into(),
        public_dns_name: "ec2-198-18-0-5.compute-1.amazonaws.com".into(),
        region: "us-east-1".into(),
        availability_zone: "us-east-1a".into(),
        availability_zone_id: "use1-az1".into(),
        security_group_names: vec!["default".into(), "web".into()],
        http_tokens: "optional".into(),
        http_endpoint: "enabled".into(),
        http_put_response_hop_limit: 2,
        user_data: bytes::Bytes::from_static(b"#!/bin/sh\n\x00\xff"),
        has_user_data: true,
        instance_metadata_tags: "enabled".into(),
        tags: [("Name".to_owned(), "web 1".to_owned()), ("a key".to_owned(), "b".to_owned())].into(),
        launch_time: Some(prost_types::Timestamp { seconds: 1_795_446_245, nanos: 0 }),
        ..Metadata::default()
    }
}

fn instance(metadata: Metadata) -> InstanceDesired {
    let volume = |name: &str, root| VolumeAttachment { device_name: name.into(), root, ..VolumeAttachment::default() };
    InstanceDesired {
        instance_id: "i-1".into(),
        account_id: "123456789012".into(),
        instance_type: "t3.micro".into(),
        architecture: "x86_64".into(),
        volumes: vec![volume("/dev/xvda", true), volume("/dev/sdf", false)],
        interfaces: vec![InterfaceAttachment {
            network_interface_id: "eni-1".into(),
            vpc_id: "vpc-1".into(),
            subnet_id: "subnet-1".into(),
            mac_address: "0a:00:00:00:00:05".into(),
            private_ip_address: "172.31.0.5".into(),
            public_ip_address: "198.18.0.5".into(),
            security_group_ids: vec!["sg-1".into(), "sg-2".into()],
            ..InterfaceAttachment::default()
        }],
        metadata: Some(metadata),
        ..InstanceDesired::default()
    }
}

pub fn vpc() -> VpcPlan {
    VpcPlan {
        public_domain: String::new(),
        vpc_id: "vpc-1".into(),
        host_id: "host-1".into(),
        namespace: String::new(),
        uplink: String::new(),
        blocks: vec!["172.31.0.0/16".parse().unwrap(), "100.64.0.0/24".parse().unwrap()],
        resolves: true,
        route_tables: BTreeMap::new(),
        acls: BTreeMap::new(),
        domain: "ec2.internal".into(),
        resolver: Ipv4Addr::new(172, 31, 0, 2),
        dhcp: crate::network::plan::DhcpOptions::default(),
        resource_names: crate::network::plan::ResourceNames::default(),
        reverse_names: BTreeMap::new(),
        gateways: BTreeSet::new(),
        interfaces: BTreeMap::new(),
        groups: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
        vni: 0,
        routers: BTreeMap::new(),
        peerings: BTreeMap::new(),
        instances: BTreeMap::new(),
        ruleset: std::sync::Arc::default(),
    }
}

/// A metadata service of one instance.
struct Service {
    instance: InstanceDesired,
    tokens: Tokens,
    now: SystemTime,
}

impl Service {
    fn new(metadata: Metadata) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        Self { instance: instance(metadata), tokens: Tokens::open(directory.path()).unwrap(), now }
    }

    fn ask(&self, method: &Method, path: &str, headers: &[(&'static str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        answer(&Request { method, path, headers: &headers, now: self.now }, &self.instance, &vpc(), &self.tokens)
    }

    fn get(&self, path: &str) -> Option<String> {
        let response = self.ask(&Method::GET, path, &[]);
        (response.status == StatusCode::OK).then(|| String::from_utf8_lossy(&response.body).into_owned())
    }

    fn token(&self, seconds: &str) -> Response {
        self.ask(&Method::PUT, TOKEN_PATH, &[(TTL, seconds)])
    }
}

#[test]
fn listings_are_ec2s() {
    let service = Service::new(metadata());
    let versions = service.get("/").unwrap();
    assert!(versions.starts_with("1.0\n2007-01-19\n") && versions.ends_with("\n2022-09-24\nlatest"), "{versions}");
    let table = [
        ("/latest", "dynamic\nmeta-data\nuser-data"),
        ("/2009-04-04/", "dynamic\nmeta-data\nuser-data"),
        (
            "/latest/meta-data/",
            "ami-id\nami-launch-index\nami-manifest-path\nblock-device-mapping/\nevents/\nhostname\ninstance-action\ninstance-id\n\
             instance-life-cycle\ninstance-type\nlocal-hostname\nlocal-ipv4\nmac\nnetwork/\nplacement/\nprofile\npublic-hostname\n\
             public-ipv4\npublic-keys/\nreservation-id\nsecurity-groups\nservices/\ntags/",
        ),
        ("/latest/meta-data/placement/", "availability-zone\navailability-zone-id\nregion"),
        ("/latest/meta-data/placement", "availability-zone\navailability-zone-id\nregion"),
        ("/latest/meta-data/public-keys/", "0=me"),
        ("/latest/meta-data/public-keys/0/", "openssh-key"),
        ("/latest/meta-data/network/interfaces/macs/", "0a:00:00:00:00:05/"),
        ("/latest/meta-data/tags/instance/", "Name\na key"),
        ("/latest/meta-data/block-device-mapping/", "ami\nebs1\nroot"),
        ("/latest/dynamic/", "instance-identity/"),
        ("/latest/dynamic/instance-identity/", "document"),
    ];
    for (path, expected) in table {
        assert_eq!(service.get(path).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn values_are_the_instances() {
    let service = Service::new(metadata());
    let interface = "/latest/meta-data/network/interfaces/macs/0a:00:00:00:00:05";
    let table = [
        ("/1.0/meta-data/instance-id".to_owned(), "i-1"),
        ("/latest/meta-data/local-ipv4".to_owned(), "172.31.0.5"),
        ("/latest/meta-data/public-ipv4".to_owned(), "198.18.0.5"),
        ("/latest/meta-data/security-groups".to_owned(), "default\nweb"),
        ("/latest/meta-data/public-keys/0/openssh-key".to_owned(), "ssh-ed25519 AAAA me\n"),
        ("/latest/meta-data/placement/availability-zone".to_owned(), "us-east-1a"),
        ("/latest/meta-data/tags/instance/Name".to_owned(), "web 1"),
        ("/latest/meta-data/tags/instance/a%20key".to_owned(), "b"),
        ("/latest/meta-data/block-device-mapping/root".to_owned(), "/dev/xvda"),
        ("/latest/meta-data/block-device-mapping/ebs1".to_owned(), "sdf"),
        ("/latest/meta-data/services/domain".to_owned(), "amazonaws.com"),
        (format!("{interface}/device-number"), "0"),
        (format!("{interface}/security-group-ids"), "sg-1\nsg-2"),
        (format!("{interface}/ipv4-associations/198.18.0.5"), "172.31.0.5"),
        (format!("{interface}/vpc-ipv4-cidr-block"), "172.31.0.0/16"),
        (format!("{interface}/vpc-ipv4-cidr-blocks"), "172.31.0.0/16\n100.64.0.0/24"),
        (format!("{interface}/owner-id"), "123456789012"),
    ];
    for (path, expected) in table {
        assert_eq!(service.get(&path).as_deref(), Some(expected), "{path}");
    }
    let document: serde_json::Value = serde_json::from_str(&service.get("/latest/dynamic/instance-identity/document").unwrap()).unwrap();
    assert_eq!(document["instanceId"], "i-1");
    assert_eq!(document["pendingTime"], "2026-11-23T15:04:05Z");
    assert_eq!(document["kernelId"], serde_json::Value::Null);
    assert_eq!(document.as_object().unwrap().len(), 15);
}

#[test]
fn what_is_not_there_is_not_found() {
    let bare = Metadata {
        has_user_data: false,
        public_key: String::new(),
        public_dns_name: String::new(),
        instance_metadata_tags: "disabled".into(),
        ..metadata()
    };
    let service = Service::new(bare);
    for path in [
        "/latest/user-data",
        "/latest/meta-data/public-keys/",
        "/latest/meta-data/tags/instance/Name",
        "/latest/meta-data/public-hostname",
        "/latest/meta-data/iam/",
        "/latest/meta-data/iam/security-credentials/",
        "/latest/meta-data/instance-id/",
        "/latest/meta-data/spot/instance-action",
        "/latest/dynamic/instance-identity/pkcs7",
        "/2001-01-01/meta-data/",
        "/latest/meta-data/%zz",
        "/latest/nonsense",
        "//latest/",
    ] {
        assert_eq!(service.ask(&Method::GET, path, &[]).status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(service.get("/latest/").as_deref(), Some("dynamic\nmeta-data"));
}

#[test]
fn user_data_comes_back_byte_for_byte() {
    let response = Service::new(metadata()).ask(&Method::GET, "/latest/user-data", &[]);
    assert_eq!(response.body, b"#!/bin/sh\n\x00\xff");
    assert_eq!(response.headers[CONTENT_TYPE], "application/octet-stream");
}

#[test]
fn a_token_opens_what_requires_one() {
    let mut service = Service::new(Metadata { http_tokens: "required".into(), ..metadata() });
    let path = "/latest/meta-data/instance-id";
    assert_eq!(service.ask(&Method::GET, path, &[]).status, StatusCode::UNAUTHORIZED);
    let minted = service.token("60");
    assert_eq!((minted.status, minted.hop_limit), (StatusCode::OK, Some(2)));
    assert_eq!(minted.headers[TTL], "60");
    let token = String::from_utf8(minted.body).unwrap();
    let read = service.ask(&Method::GET, path, &[(TOKEN, &token)]);
    assert_eq!((read.status, read.body.as_slice(), read.hop_limit), (StatusCode::OK, &b"i-1"[..], None));
    service.now += Duration::from_secs(61);
    assert_eq!(service.ask(&Method::GET, path, &[(TOKEN, &token)]).status, StatusCode::UNAUTHORIZED, "expired");
}

#[test]
fn a_wrong_token_is_refused_even_where_none_is_required() {
    let service = Service::new(metadata());
    assert_eq!(service.ask(&Method::GET, "/latest/meta-data/", &[(TOKEN, "nonsense")]).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_token_is_given_for_one_second_to_six_hours_and_to_no_proxy() {
    let service = Service::new(metadata());
    for (seconds, status) in [("1", 200), ("21600", 200), ("0", 400), ("21601", 400), ("-1", 400), ("x", 400), ("", 400)] {
        assert_eq!(service.token(seconds).status.as_u16(), status, "{seconds}");
    }
    assert_eq!(service.ask(&Method::PUT, TOKEN_PATH, &[]).status, StatusCode::BAD_REQUEST);
    let forwarded = service.ask(&Method::PUT, TOKEN_PATH, &[(TTL, "60"), ("x-forwarded-for", "10.0.0.1")]);
    assert_eq!(forwarded.status, StatusCode::FORBIDDEN);
    assert_eq!(service.ask(&Method::GET, TOKEN_PATH, &[]).status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(service.ask(&Method::PUT, "/latest/meta-data/", &[]).status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(service.ask(&Method::POST, "/latest/meta-data/", &[]).status, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn a_disabled_endpoint_answers_nobody() {
    let service = Service::new(Metadata { http_endpoint: "disabled".into(), ..metadata() });
    assert_eq!(service.ask(&Method::GET, "/latest/meta-data/", &[]).status, StatusCode::FORBIDDEN);
    assert_eq!(service.token("60").status, StatusCode::FORBIDDEN);
}

proptest! {
    #[test]
    fn no_path_makes_it_panic(path in "/(latest|1.0|[ -~]{0,8})?/?(meta-data|dynamic|user-data)?/?[ -~]{0,30}") {
        drop(Service::new(metadata()).ask(&Method::GET, &path, &[]));
    }
}

#[test]
fn a_placement_group_is_shown_to_its_instances() {
    let service = Service::new(Metadata { placement_group_name: "parts".into(), placement_partition_number: 2, ..metadata() });
    let listing = "availability-zone\navailability-zone-id\ngroup-name\npartition-number\nregion";
    assert_eq!(service.get("/latest/meta-data/placement/").as_deref(), Some(listing));
    let read = |name: &str| service.get(&format!("/latest/meta-data/placement/{name}"));
    assert_eq!((read("group-name").as_deref(), read("partition-number").as_deref()), (Some("parts"), Some("2")));
}
