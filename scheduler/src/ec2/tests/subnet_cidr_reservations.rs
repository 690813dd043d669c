//! Reservations of blocks in subnets: every code that their actions declare, and which addresses are still given out.

use super::network_refusals::{new_vpc, subnet_of, too_many_tags};
use super::refusals::{refuse_pages, strings};
use super::*;

const ABSENT: &str = "scr-0123456789abcdef0";

fn create(subnet: &str, cidr: &str, reservation_type: &str) -> ec2::CreateSubnetCidrReservationRequest {
    ec2::CreateSubnetCidrReservationRequest {
        subnet_id: subnet.into(),
        cidr: cidr.into(),
        reservation_type: reservation_type.into(),
        ..Default::default()
    }
}

fn delete(id: &str) -> ec2::DeleteSubnetCidrReservationRequest {
    ec2::DeleteSubnetCidrReservationRequest { subnet_cidr_reservation_id: id.into(), dry_run: None }
}

fn of(subnet: &str) -> ec2::GetSubnetCidrReservationsRequest {
    ec2::GetSubnetCidrReservationsRequest { subnet_id: subnet.into(), ..Default::default() }
}

async fn subnet(bench: &Bench, vpc_block: &str, block: &str) -> String {
    let vpc = new_vpc(bench, vpc_block).await.vpc_id.expect("an id");
    bench.get(subnet_of(&vpc, block)).await.subnet.expect("a subnet").subnet_id.expect("an id")
}

async fn reserved(bench: &Bench, subnet: &str, cidr: &str, reservation_type: &str) -> String {
    let made = bench.get(create(subnet, cidr, reservation_type)).await.subnet_cidr_reservation.expect("a reservation");
    made.subnet_cidr_reservation_id.expect("an id")
}

pub async fn refusals(bench: &Bench) {
    let subnet = subnet(bench, "10.90.0.0/16", "10.90.1.0/24").await;
    let good = || create(&subnet, "10.90.1.64/28", "explicit");
    for request in [create("", "10.90.1.64/28", "prefix"), create(&subnet, "", "prefix"), create(&subnet, "10.90.1.64/28", "")] {
        bench.refused(ErrorCode::MissingParameter, request).await;
    }
    for (cidr, kind) in [
        ("10.90.1.64/28", "manual"),
        ("10.90.1.64", "explicit"),
        ("10.90.2.0/28", "explicit"),
        ("10.90.0.0/16", "explicit"),
        ("2001:db8::/80", "prefix"),
    ] {
        bench.refused(ErrorCode::InvalidParameterValue, create(&subnet, cidr, kind)).await;
    }
    let description = Some("x".repeat(256));
    bench.refused(ErrorCode::InvalidParameterValue, ec2::CreateSubnetCidrReservationRequest { description, ..good() }).await;
    bench.refused(ErrorCode::InvalidSubnetIdMalformed, create("subnet-zzz", "10.90.1.64/28", "prefix")).await;
    bench.refused(ErrorCode::InvalidSubnetIdNotFound, create("subnet-0123456789abcdef0", "10.90.1.64/28", "prefix")).await;
    let tag_specifications = too_many_tags("subnet-cidr-reservation");
    bench.refused(ErrorCode::TagLimitExceeded, ec2::CreateSubnetCidrReservationRequest { tag_specifications, ..good() }).await;
    let id = reserved(bench, &subnet, "10.90.1.64/28", "explicit").await;
    for overlapping in ["10.90.1.64/28", "10.90.1.70/32", "10.90.1.0/25"] {
        bench.refused(ErrorCode::InvalidParameterValue, create(&subnet, overlapping, "prefix")).await;
    }

    macro_rules! get {
        ($($member:ident: $value:expr),*) => {
            ec2::GetSubnetCidrReservationsRequest { $($member: $value,)* ..of(&subnet) }
        };
    }
    bench.refused(ErrorCode::InvalidParameterValue, get!(filters: vec![filter("cidr", &["x"])])).await;
    bench.refused(ErrorCode::FilterLimitExceeded, get!(filters: vec![filter("subnet-id", &["x"; 201])])).await;
    refuse_pages!(bench, GetSubnetCidrReservationsRequest);
    bench.refused(ErrorCode::InvalidParameterValue, get!(max_results: Some(4))).await;
    bench.refused(ErrorCode::MissingParameter, of("")).await;
    bench.refused(ErrorCode::InvalidSubnetIdMalformed, of("subnet-zzz")).await;
    bench.refused(ErrorCode::InvalidSubnetIdNotFound, of("subnet-0123456789abcdef0")).await;

    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidSubnetCidrReservationIdMalformed, delete("scr-zzz")).await;
    bench.refused(ErrorCode::InvalidSubnetCidrReservationIdNotFound, delete(ABSENT)).await;
    for fault in [
        bench.ask(TWO, delete(&id)).await.map(drop).expect_err("foreign"),
        bench.ask(TWO, of(&subnet)).await.map(drop).expect_err("foreign"),
        bench.ask(TWO, create(&subnet, "10.90.1.0/28", "prefix")).await.map(drop).expect_err("foreign"),
    ] {
        assert!(fault.code.as_str().ends_with(".NotFound"), "{fault}");
    }
}

async fn available(bench: &Bench, subnet: &str) -> i32 {
    let named = ec2::DescribeSubnetsRequest { subnet_ids: strings(&[subnet]), ..Default::default() };
    bench.get(named).await.subnets[0].available_ip_address_count.expect("a count")
}

/// An interface, and its address.
async fn interface(bench: &Bench, subnet: &str, address: Option<&str>) -> Result<(String, String), Fault> {
    let request =
        ec2::CreateNetworkInterfaceRequest { subnet_id: subnet.into(), private_ip_address: address.map(Into::into), ..Default::default() };
    let made = bench.ask(ONE, request).await?.network_interface.expect("an interface");
    Ok((made.network_interface_id.expect("an id"), made.private_ip_address.expect("an address")))
}

#[tokio::test]
async fn of_what_is_reserved_only_what_is_named_is_given_out() {
    let bench = Bench::new().await;
    let subnet = subnet(&bench, "10.0.0.0/16", "10.0.0.0/28").await;
    let (_, within) = interface(&bench, &subnet, Some("10.0.0.9")).await.expect("before");
    assert_eq!(available(&bench, &subnet).await, 10);
    let explicit = reserved(&bench, &subnet, "10.0.0.8/30", "explicit").await;
    assert_eq!(available(&bench, &subnet).await, 7, "three of the four were free");
    reserved(&bench, &subnet, "10.0.0.12/30", "prefix").await;
    assert_eq!(available(&bench, &subnet).await, 4, "the last address is nobody's anyway");

    let mut drawn = BTreeSet::new();
    while let Ok((_, address)) = interface(&bench, &subnet, None).await {
        drawn.insert(address);
    }
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), strings(&["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7"]));
    let full = interface(&bench, &subnet, None).await.expect_err("full");
    assert_eq!((full.code, available(&bench, &subnet).await), (ErrorCode::InsufficientFreeAddressesInSubnet, 0));
    for named in ["10.0.0.8", "10.0.0.13"] {
        assert_eq!(interface(&bench, &subnet, Some(named)).await.expect("named").1, named);
    }
    assert_eq!(interface(&bench, &subnet, Some(&within)).await.expect_err("taken").code, ErrorCode::InvalidIpAddressInUse);

    // What was reserved is given out again, but for what is taken.
    let gone = bench.get(delete(&explicit)).await.deleted_subnet_cidr_reservation.expect("it");
    assert_eq!((gone.cidr.as_deref(), gone.reservation_type.as_deref()), (Some("10.0.0.8/30"), Some("explicit")));
    assert_eq!(available(&bench, &subnet).await, 2);
    let (_, next) = interface(&bench, &subnet, None).await.expect("an address");
    assert!(["10.0.0.10", "10.0.0.11"].contains(&next.as_str()), "{next}");
}

#[tokio::test]
async fn a_subnet_shows_its_reservations_and_takes_them_along() {
    let bench = Bench::new().await;
    let subnet = subnet(&bench, "10.0.0.0/16", "10.0.0.0/24").await;
    let tagged = ec2::CreateSubnetCidrReservationRequest {
        description: Some("for pods".into()),
        tag_specifications: tagged("subnet-cidr-reservation", &[("colour", "blue")]),
        ..create(&subnet, "10.0.0.70/28", "prefix")
    };
    let made = bench.get(tagged).await.subnet_cidr_reservation.expect("a reservation");
    let expected = ec2::SubnetCidrReservation {
        subnet_cidr_reservation_id: made.subnet_cidr_reservation_id.clone(),
        subnet_id: Some(subnet.clone()),
        cidr: Some("10.0.0.64/28".into()),
        reservation_type: Some("prefix".into()),
        owner_id: Some(ONE.into()),
        description: Some("for pods".into()),
        tags: vec![tag("colour", "blue")],
    };
    assert_eq!(made, expected);
    for number in 1..7 {
        reserved(&bench, &subnet, &format!("10.0.0.{}/28", 80 + 16 * number), "explicit").await;
    }
    let shown = |filters, token: Option<String>| ec2::GetSubnetCidrReservationsRequest {
        filters,
        max_results: Some(5),
        next_token: token,
        ..of(&subnet)
    };
    let blue = bench.get(shown(vec![filter("tag:colour", &["blue"])], None)).await.subnet_ipv4_cidr_reservations;
    assert_eq!(blue, [made]);
    let first = bench.get(shown(vec![filter("reservationType", &["explicit"])], None)).await;
    let rest = bench.get(shown(vec![filter("reservationType", &["explicit"])], first.next_token)).await;
    assert_eq!((first.subnet_ipv4_cidr_reservations.len(), rest.subnet_ipv4_cidr_reservations.len()), (5, 1));
    assert!(rest.next_token.is_none() && rest.subnet_ipv6_cidr_reservations.is_empty());

    let id = expected.subnet_cidr_reservation_id.expect("an id");
    bench.get(ec2::DeleteSubnetRequest { subnet_id: subnet, dry_run: None }).await;
    assert_eq!(bench.ask(ONE, delete(&id)).await.expect_err("gone").code, ErrorCode::InvalidSubnetCidrReservationIdNotFound);
    let tags = bench.get(ec2::DescribeTagsRequest { filters: vec![filter("resource-id", &[&id])], ..Default::default() }).await.tags;
    assert_eq!(tags, []);
}
