use super::*;

fn create(id: &str, tags: &[(&str, &str)]) -> ec2::CreateTagsRequest {
    ec2::CreateTagsRequest {
        resources: vec![id.into()],
        tags: tags.iter().map(|(key, value)| tag(key, value)).collect(),
        ..Default::default()
    }
}

async fn shown(bench: &Bench, id: &str) -> Vec<(String, String)> {
    let request = ec2::DescribeTagsRequest { filters: vec![filter("resource-id", &[id])], ..Default::default() };
    let tags = bench.get(request).await.tags;
    tags.into_iter().map(|tag| (tag.key.expect("a key"), tag.value.expect("a value"))).collect()
}

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

#[tokio::test]
async fn a_tag_replaces_the_one_of_the_same_key() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "k").await;
    bench.get(create(&id, &[("Name", "a"), ("name", "<&\"é漢>"), ("empty", "")])).await;
    bench.get(create(&id, &[("Name", "b")])).await;
    assert_eq!(shown(&bench, &id).await, pairs(&[("Name", "b"), ("empty", ""), ("name", "<&\"é漢>")]));
}

#[tokio::test]
async fn a_delete_with_a_value_takes_the_tag_of_that_value_alone() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "k").await;
    bench.get(create(&id, &[("a", "1"), ("b", ""), ("c", "3"), ("d", "4")])).await;
    let without_value = ec2::Tag { key: Some("c".into()), value: None };
    let request = ec2::DeleteTagsRequest {
        resources: vec![id.clone()],
        tags: vec![tag("a", "other"), tag("b", ""), without_value, tag("never", "was")],
        ..Default::default()
    };
    bench.get(request).await;
    assert_eq!(shown(&bench, &id).await, pairs(&[("a", "1"), ("d", "4")]));
    bench.get(ec2::DeleteTagsRequest { resources: vec![id.clone()], ..Default::default() }).await;
    assert_eq!(shown(&bench, &id).await, []);
}

#[tokio::test]
async fn one_absent_resource_leaves_all_untagged() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "k").await;
    let request = ec2::CreateTagsRequest { resources: vec![id.clone(), "vpc-0123456789abcdef0".into()], ..create(&id, &[("a", "1")]) };
    bench.refused(ErrorCode::InvalidVpcIdNotFound, request).await;
    assert_eq!(shown(&bench, &id).await, []);
}

#[tokio::test]
async fn a_resource_is_found_by_its_tags_and_loses_them_with_its_life() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "k").await;
    key_pair(&bench, "other").await;
    bench.get(create(&id, &[("team", "red")])).await;
    for found_by in [filter("tag:team", &["r*d"]), filter("tag-key", &["team"])] {
        let found = bench.get(ec2::DescribeKeyPairsRequest { filters: vec![found_by], ..Default::default() }).await.key_pairs;
        assert_eq!(found.into_iter().map(|key| key.key_pair_id).collect::<Vec<_>>(), [Some(id.clone())]);
    }
    bench.get(ec2::DeleteKeyPairRequest { key_pair_id: Some(id.clone()), ..Default::default() }).await;
    assert_eq!(shown(&bench, &id).await, []);
}

#[tokio::test]
async fn pages_of_tags_give_each_once_and_a_token_expires() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "k").await;
    let keys: Vec<String> = (0..12).map(|n| format!("k{n:02}")).collect();
    bench.get(create(&id, &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>())).await;
    let mut request = ec2::DescribeTagsRequest { max_results: Some(5), ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let answer = bench.get(request.clone()).await;
        seen.extend(answer.tags.into_iter().filter_map(|tag| tag.key));
        let Some(token) = answer.next_token else { break };
        request.next_token = Some(token);
    }
    assert_eq!(seen, keys);
    assert!(bench.ask(TWO, request.clone()).await.is_err(), "a token is its account's");
    bench.clock.advance(Duration::from_hours(24));
    bench.refused(ErrorCode::InvalidNextToken, request).await;
}

#[tokio::test]
async fn another_accounts_resources_can_not_be_tagged() {
    let bench = Bench::new().await;
    let id = key_pair(&bench, "k").await;
    let fault = bench.ask(TWO, create(&id, &[("a", "1")])).await.expect_err("foreign");
    assert_eq!(fault.code, ErrorCode::InvalidKeyPairNotFound);
}
