use super::*;

fn named(names: &[&str]) -> ec2::DescribeKeyPairsRequest {
    ec2::DescribeKeyPairsRequest { key_names: names.iter().map(|name| (*name).into()).collect(), ..Default::default() }
}

#[tokio::test]
async fn a_created_pair_is_described_with_what_it_was_created_with() {
    let bench = Bench::new().await;
    let request = ec2::CreateKeyPairRequest {
        key_name: "me".into(),
        key_type: Some("ed25519".into()),
        tag_specifications: tagged("key-pair", &[("Name", "mine")]),
        ..Default::default()
    };
    let made = bench.get(request).await;
    assert!(made.key_material.expect("material").starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    let shown = bench.get(named(&["me"])).await.key_pairs.remove(0);
    assert_eq!((shown.key_pair_id, shown.key_fingerprint), (made.key_pair_id, made.key_fingerprint));
    assert_eq!((shown.key_type.as_deref(), shown.tags), (Some("ed25519"), vec![tag("Name", "mine")]));
    assert_eq!(shown.public_key, None, "shown where it is asked for alone");
}

#[tokio::test]
async fn the_default_type_is_rsa() {
    let bench = Bench::new().await;
    let made = bench.get(ec2::CreateKeyPairRequest { key_name: "r".into(), ..Default::default() }).await;
    assert!(made.key_material.expect("material").starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let shown = bench.get(ec2::DescribeKeyPairsRequest { include_public_key: Some(true), ..named(&["r"]) }).await.key_pairs.remove(0);
    assert_eq!(shown.key_type.as_deref(), Some("rsa"));
    assert!(shown.public_key.expect("asked for").starts_with("ssh-rsa "));
}

#[tokio::test]
async fn a_dry_run_creates_nothing() {
    let bench = Bench::new().await;
    let request = ec2::ImportKeyPairRequest {
        key_name: "dry".into(),
        public_key_material: PUBLIC_KEY.to_vec(),
        dry_run: Some(true),
        ..Default::default()
    };
    bench.refused(ErrorCode::DryRunOperation, request).await;
    bench.refused(ErrorCode::InvalidKeyPairNotFound, named(&["dry"])).await;
}

#[tokio::test]
async fn deleting_by_name_succeeds_twice_and_by_id_once() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "a").await;
    let by_name = ec2::DeleteKeyPairRequest { key_name: Some("a".into()), ..Default::default() };
    assert_eq!(bench.get(by_name.clone()).await.key_pair_id, Some(id));
    assert_eq!(bench.get(by_name).await.key_pair_id, None);
    let id = key_pair(&bench, "b").await;
    let by_id = ec2::DeleteKeyPairRequest { key_pair_id: Some(id), ..Default::default() };
    bench.get(by_id.clone()).await;
    bench.refused(ErrorCode::InvalidKeyPairNotFound, by_id).await;
}

#[tokio::test]
async fn another_account_has_names_of_its_own_and_sees_nothing() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "same").await;
    let theirs = ec2::ImportKeyPairRequest { key_name: "same".into(), public_key_material: PUBLIC_KEY.to_vec(), ..Default::default() };
    let theirs = bench.ask(TWO, theirs).await.expect("a name is an account's").key_pair_id;
    let seen = bench.ask(TWO, ec2::DescribeKeyPairsRequest::default()).await.expect("an answer").key_pairs;
    assert_eq!(seen.into_iter().map(|key| key.key_pair_id).collect::<Vec<_>>(), [theirs]);
    let foreign = ec2::DescribeKeyPairsRequest { key_pair_ids: vec![id.clone()], ..Default::default() };
    let absent = ec2::DescribeKeyPairsRequest { key_pair_ids: vec!["key-0123456789abcdef0".into()], ..Default::default() };
    let (foreign, absent) = (bench.ask(TWO, foreign).await.expect_err("foreign"), bench.ask(TWO, absent).await.expect_err("absent"));
    assert_eq!((foreign.code, foreign.message), (absent.code, absent.message.replace("key-0123456789abcdef0", &id)));
}
