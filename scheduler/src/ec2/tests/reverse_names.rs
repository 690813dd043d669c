//! Reverse DNS names of Elastic IPs: every code that their actions declare, and what is shown, locked and told to hosts.

use freehold_proto::internal::host::ReverseName;

use super::dhcp::told;
use super::network_refusals::new_vpc;
use super::refusals::strings;
use super::*;

const ABSENT: &str = "eipalloc-0123456789abcdef0";

fn modify(id: &str, name: &str) -> ec2::ModifyAddressAttributeRequest {
    ec2::ModifyAddressAttributeRequest { allocation_id: id.into(), domain_name: Some(name.into()), dry_run: None }
}

fn reset(id: &str, attribute: &str) -> ec2::ResetAddressAttributeRequest {
    ec2::ResetAddressAttributeRequest { allocation_id: id.into(), attribute: attribute.into(), dry_run: None }
}

pub async fn refusals(bench: &Bench) {
    let id = bench.get(ec2::AllocateAddressRequest::default()).await.allocation_id.expect("an id");
    bench.refused(ErrorCode::MissingParameter, modify("", "example.com")).await;
    bench.refused(ErrorCode::MissingParameter, modify(&id, "")).await;
    bench.refused(ErrorCode::MissingParameter, ec2::ModifyAddressAttributeRequest { domain_name: None, ..modify(&id, "") }).await;
    bench.refused(ErrorCode::InvalidParameterValue, modify(&id, "example")).await;
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, modify("eipalloc-zzz", "example.com")).await;
    bench.refused(ErrorCode::InvalidAllocationIdNotFound, modify(ABSENT, "example.com")).await;
    bench.refused(ErrorCode::MissingParameter, reset("", "domain-name")).await;
    bench.refused(ErrorCode::MissingParameter, reset(&id, "")).await;
    bench.refused(ErrorCode::InvalidParameterValue, reset(&id, "colour")).await;
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, reset("eipalloc-zzz", "domain-name")).await;
    bench.refused(ErrorCode::InvalidAllocationIdNotFound, reset(ABSENT, "domain-name")).await;
    assert_eq!(bench.ask(TWO, modify(&id, "example.com")).await.expect_err("foreign").code, ErrorCode::InvalidAllocationIdNotFound);
    assert_eq!(bench.ask(TWO, reset(&id, "domain-name")).await.expect_err("foreign").code, ErrorCode::InvalidAllocationIdNotFound);
    bench.get(ec2::ReleaseAddressRequest { allocation_id: Some(id), ..Default::default() }).await;
}

#[tokio::test]
async fn a_name_is_shown_told_to_the_account_s_vpcs_and_locks_its_address() {
    let bench = Bench::new().await;
    let mine = new_vpc(&bench, "10.0.0.0/16").await.vpc_id.expect("an id");
    let theirs = ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() };
    let theirs = bench.ask(TWO, theirs).await.expect("a VPC").vpc.expect("a VPC").vpc_id.expect("an id");
    let address = bench.get(ec2::AllocateAddressRequest::default()).await;
    let (id, address) = (address.allocation_id.expect("an id"), address.public_ip.expect("an address"));
    let shown = || async {
        let asked = ec2::DescribeAddressesAttributeRequest { allocation_ids: strings(&[&id]), ..Default::default() };
        bench.get(asked).await.addresses.remove(0)
    };
    assert_eq!(shown().await.ptr_record, None);
    let with_name = |attribute: &str| ec2::DescribeAddressesAttributeRequest {
        allocation_ids: strings(&[&id]),
        attribute: Some(attribute.into()),
        ..Default::default()
    };
    assert_eq!(bench.get(with_name("domain-name")).await.addresses, []);
    bench.refused(ErrorCode::InvalidParameterValue, with_name("colour")).await;
    let before = told(&bench, &mine).await;
    assert_eq!(before.reverse_names, []);

    let named = bench.get(modify(&id, "mail.example.com")).await.address.expect("it");
    let expected = ec2::AddressAttribute {
        public_ip: Some(address.clone()),
        allocation_id: Some(id.clone()),
        ptr_record: Some("mail.example.com.".into()),
        ptr_record_update: None,
    };
    assert_eq!((&named, &shown().await), (&expected, &expected));
    assert_eq!(bench.get(with_name("domain-name")).await.addresses, [named]);
    let after = told(&bench, &mine).await;
    assert_eq!(after.reverse_names, [ReverseName { public_ip_address: address, name: "mail.example.com.".into() }]);
    assert!(after.generation > before.generation);
    assert_eq!(told(&bench, &theirs).await.reverse_names, [], "it is the account's own");
    bench.get(modify(&id, "mail.example.com.")).await;
    assert_eq!(told(&bench, &mine).await.generation, after.generation, "nothing changed");

    let release = || ec2::ReleaseAddressRequest { allocation_id: Some(id.clone()), ..Default::default() };
    let locked = bench.refused(ErrorCode::InvalidAddressLocked, release()).await;
    assert!(locked.message.contains("domain-name"), "{}", locked.message);
    assert_eq!(bench.get(reset(&id, "domain-name")).await.address.expect("it").ptr_record, None);
    assert_eq!(told(&bench, &mine).await.reverse_names, []);
    bench.get(release()).await;
}
