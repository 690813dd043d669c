use super::*;
use crate::operator::images;
use freehold_proto::internal::operator as proto;

/// Registers an AMI as the operator does and answers its id.
pub async fn image(bench: &Bench, account: &str, name: &str, public: bool) -> String {
    let request = proto::RegisterImageRequest {
        name: name.into(),
        account_id: account.into(),
        public,
        architecture: "x86_64".into(),
        root_device_name: "/dev/xvda".into(),
        manifest: "0".repeat(64),
        size_bytes: (1 << 30) + 512,
        ..Default::default()
    };
    images::register(&bench.scheduler.engine().store, request).await.expect("an image").image_id
}

async fn seen(bench: &Bench, account: &str, request: ec2::DescribeImagesRequest) -> Vec<String> {
    let images = bench.ask(account, request).await.expect("an answer").images;
    images.into_iter().filter_map(|image| image.image_id).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test]
async fn an_account_sees_its_own_and_the_public_images() {
    let bench = Bench::new().await;
    let private = image(&bench, ONE, "private", false).await;
    let public = image(&bench, ONE, "public", true).await;
    let all = ec2::DescribeImagesRequest::default;
    assert_eq!(seen(&bench, ONE, all()).await, sorted(vec![private.clone(), public.clone()]));
    assert_eq!(seen(&bench, TWO, all()).await, std::slice::from_ref(&public));
    let owners = |word: &str| ec2::DescribeImagesRequest { owners: vec![word.into()], ..Default::default() };
    assert_eq!(seen(&bench, ONE, owners("self")).await, sorted(vec![private.clone(), public.clone()]));
    assert_eq!(seen(&bench, TWO, owners("self")).await, [""; 0]);
    assert_eq!(seen(&bench, TWO, owners("amazon")).await, std::slice::from_ref(&public));
    assert_eq!(seen(&bench, TWO, owners(ONE)).await, std::slice::from_ref(&public));
    assert_eq!(seen(&bench, ONE, owners(TWO)).await, [""; 0]);
    let executable = |word: &str| ec2::DescribeImagesRequest { executable_users: vec![word.into()], ..Default::default() };
    assert_eq!(seen(&bench, ONE, executable("all")).await, std::slice::from_ref(&public));
    assert_eq!(seen(&bench, ONE, executable("self")).await, [""; 0]);
    let filtered = ec2::DescribeImagesRequest { filters: vec![filter("is-public", &["false"])], ..Default::default() };
    assert_eq!(seen(&bench, ONE, filtered).await, std::slice::from_ref(&private));
    let foreign = ec2::DescribeImagesRequest { image_ids: vec![private], ..Default::default() };
    assert_eq!(bench.ask(TWO, foreign).await.expect_err("foreign").code, ErrorCode::InvalidAmiIdNotFound);
}

#[tokio::test]
async fn an_image_says_how_it_boots_and_what_its_root_volume_needs() {
    let bench = Bench::new().await;
    image(&bench, ONE, "one", false).await;
    let shown = bench.get(ec2::DescribeImagesRequest::default()).await.images.remove(0);
    let root = shown.block_device_mappings[0].ebs.clone().expect("a root volume");
    assert_eq!(root.volume_size, Some(2), "a size that is no whole GiB takes the next");
    assert_eq!(shown.block_device_mappings[0].device_name, shown.root_device_name);
    assert_eq!((root.encrypted, root.delete_on_termination), (Some(false), Some(true)));
    assert_eq!(shown.creation_date.as_deref(), Some("2026-01-02T03:04:05.000Z"));
}

#[tokio::test]
async fn a_deregistered_image_is_gone_and_another_accounts_can_not_be() {
    let bench = Bench::new().await;
    let own = image(&bench, ONE, "own", false).await;
    let public = image(&bench, TWO, "public", true).await;
    let hidden = image(&bench, TWO, "hidden", false).await;
    let deregister = |id: &str| ec2::DeregisterImageRequest { image_id: id.into(), ..Default::default() };
    bench.get(deregister(&own)).await;
    bench.refused(ErrorCode::InvalidAmiIdNotFound, deregister(&own)).await;
    bench.refused(ErrorCode::AuthFailure, deregister(&public)).await;
    bench.refused(ErrorCode::InvalidAmiIdNotFound, deregister(&hidden)).await;
    assert_eq!(seen(&bench, TWO, ec2::DescribeImagesRequest::default()).await.len(), 2);
}
