//! What public names of peers' instances mean.

use super::{guest, open, plug};
use crate::lab::{Lab, World, machine};
use crate::services::ask;

#[test]
fn a_public_name_of_a_peer_means_its_private_address_where_the_peer_says_so() {
    machine("a_public_name_of_a_peer_means_its_private_address_where_the_peer_says_so", || async {
        let (a, b) = (guest(5, 1, &["sg-1"]), guest(7, 2, &["sg-1"]).public("198.18.0.7"));
        plug(&[&a, &b]);
        let domain = |world: World, n| world.change(n, |vpc| vpc.public_name_domain = "compute-1.amazonaws.com".into());
        let world = domain(domain(World::default().numbered(1).numbered(2), 1), 2).group("sg-1", open()).guests(&[&a, &b]);
        let peered = world.clone().peered(1, 2).routed(1, 2);
        let lab = Lab::start(peered.0.clone()).await;
        let asked = || ask(&a, "timeout 2 busybox nslookup -type=a ec2-198-18-0-7.compute-1.amazonaws.com 10.1.0.2");
        let said = asked().await;
        assert!(said.contains("10.2.0.7"), "{said}");
        let silent = peered.change(2, |vpc| vpc.peerings[0].answers_public_names = false);
        for world in [silent, world] {
            lab.state(&world.0).await;
            let said = asked().await;
            assert!(!said.contains("10.2.0.7"), "{said}");
        }
    });
}
