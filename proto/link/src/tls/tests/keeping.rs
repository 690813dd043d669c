//! Certificates over time: renewed, saved, and asked about before a token is spent.

use super::*;

fn renewal(cloud: &Cloud, address: SocketAddr, current: &Arc<Current>, names: &[&str], folder: &std::path::Path) -> Renewal {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Renewal {
        parts: service(vec![address.to_string()], SCHEDULER, current, &cloud.clock()).unwrap(),
        wanted: Wanted { names, ..wanted(current.get().identity.kind, &current.get().identity.name) },
        current: Arc::clone(current),
        folder: Some(folder.to_owned()),
        clock: cloud.clock(),
    }
}

fn certified(cloud: &Cloud) -> usize {
    cloud.certified.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_certificate_is_renewed_at_half_of_its_life_and_kept_when_that_fails() {
    let cloud = Cloud::new();
    let address = cloud.serve(Kind::Scheduler).await;
    let folder = tempfile::tempdir().unwrap();
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    let renewal = renewal(&cloud, address, &current, &[], folder.path());
    let mut attempts = Attempts::default();
    let first = current.get();
    renewal.look(&mut attempts).await;
    assert_eq!(certified(&cloud), 0, "it is young");

    cloud.clock.advance(HOUR / 2);
    cloud.down.store(true, Ordering::SeqCst);
    renewal.look(&mut attempts).await;
    renewal.look(&mut attempts).await;
    assert_eq!(certified(&cloud), 1, "not again at once");
    assert_eq!(current.get().leaf(), first.leaf());

    cloud.down.store(false, Ordering::SeqCst);
    cloud.clock.advance(Duration::from_secs(90));
    renewal.look(&mut attempts).await;
    let second = current.get();
    assert_ne!(second.leaf(), first.leaf());
    assert!(second.expires > first.expires && second.identity == first.identity);
    let saved = Credentials::load(folder.path()).unwrap().unwrap();
    assert_eq!(saved.leaf(), second.leaf());

    cloud.clock.advance(HOUR / 2);
    assert_eq!(
        call(to(address, &current, &cloud)).await,
        tonic::Code::Unimplemented,
        "the first certificate has expired, the second has not"
    );
}

#[tokio::test]
async fn a_renewed_certificate_that_can_not_be_saved_is_in_force_and_is_saved_later() {
    let cloud = Cloud::new();
    let address = cloud.serve(Kind::Scheduler).await;
    let folder = tempfile::tempdir().unwrap();
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    let trust = folder.path().join("trust");
    // A file where the folder should be: nothing can be saved, whoever asks.
    std::fs::write(&trust, "").unwrap();
    let (renewal, mut attempts) = (renewal(&cloud, address, &current, &[], &trust), Attempts::default());
    let first = current.get();
    cloud.clock.advance(HOUR / 2);
    renewal.look(&mut attempts).await;
    let second = current.get();
    assert_ne!(second.leaf(), first.leaf(), "it is in force");
    renewal.look(&mut attempts).await;
    assert_eq!(certified(&cloud), 1);
    std::fs::remove_file(&trust).unwrap();
    cloud.clock.advance(HOUR / 20);
    renewal.look(&mut attempts).await;
    assert_eq!(Credentials::load(&trust).unwrap().unwrap().leaf(), second.leaf());
    assert_eq!(certified(&cloud), 1);
}

#[tokio::test]
async fn names_that_the_scheduler_writes_differently_are_not_asked_for_every_second() {
    let cloud = Cloud::new();
    let address = cloud.serve(Kind::Scheduler).await;
    let folder = tempfile::tempdir().unwrap();
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    let mut renewal = renewal(&cloud, address, &current, &["2001:db8:0:0::1"], folder.path());
    renewal.wanted.kind = Kind::Gateway;
    let mut attempts = Attempts::default();
    for _ in 0..10 {
        renewal.look(&mut attempts).await;
        cloud.clock.advance(LOOK);
    }
    assert_eq!(certified(&cloud), 1);
}

#[tokio::test]
async fn an_expired_certificate_is_no_reason_to_try_every_second() {
    let cloud = Cloud::new();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    let renewal = renewal(&cloud, nobody, &current, &[], folder.path());
    let mut attempts = Attempts::default();
    cloud.clock.advance(2 * HOUR);
    renewal.look(&mut attempts).await;
    // Who tries now would be answered.
    let renewal = Renewal {
        parts: service(vec![cloud.serve(Kind::Scheduler).await.to_string()], SCHEDULER, &joined(&cloud), &cloud.clock()).unwrap(),
        ..renewal
    };
    cloud.clock.advance(Duration::from_secs(50));
    renewal.look(&mut attempts).await;
    assert_eq!(certified(&cloud), 0);
    cloud.clock.advance(Duration::from_secs(10));
    renewal.look(&mut attempts).await;
    assert_eq!(certified(&cloud), 1);
}

fn joined(cloud: &Cloud) -> Arc<Current> {
    Current::new(cloud.credentials(Kind::Host, "host-a"))
}

#[tokio::test]
async fn a_token_is_spent_only_where_the_certificate_from_before_is_not_good_any_more() {
    let cloud = Cloud::new();
    let token = cloud.token(cloud.serve(Kind::Scheduler).await);
    let folder = tempfile::tempdir().unwrap();
    let pending = folder.path().join("joining.key");
    let again = async || {
        let own = Credentials::load(folder.path()).unwrap();
        join(&token, &wanted(Kind::Host, "host-a"), own, folder.path(), &cloud.clock()).await.unwrap()
    };
    assert_eq!(again().await, Joined::Now);
    let first = Credentials::load(folder.path()).unwrap().unwrap();

    // Killed between the last two steps of joining.
    std::fs::write(&pending, first.pkcs8()).unwrap();
    assert_eq!(again().await, Joined::Already);
    assert!(!pending.exists());
    let second = Credentials::load(folder.path()).unwrap().unwrap();
    assert_ne!(first.leaf(), second.leaf(), "it was asked whether it is good by a renewal");
    cloud.down.store(true, Ordering::SeqCst);
    assert_eq!(again().await, Joined::Already, "nobody says that it is not");
    cloud.down.store(false, Ordering::SeqCst);
    assert_eq!(cloud.joined.load(Ordering::SeqCst), 1);

    cloud.removed.send_replace(vec!["host-a".into()]);
    std::fs::write(&pending, second.pkcs8()).unwrap();
    assert_eq!(again().await, Joined::Now);
    let third = Credentials::load(folder.path()).unwrap().unwrap();
    assert_ne!(third.pkcs8(), second.pkcs8(), "the key of a part that was removed is not used again");
    assert_eq!(cloud.joined.load(Ordering::SeqCst), 2);
}
