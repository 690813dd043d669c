use sea_orm::EntityTrait;

use crate::store::tests::empty_store;

#[tokio::test]
async fn every_entity_matches_its_table() {
    let (_folder, store) = empty_store().await;
    macro_rules! select_all {
        ($($table:ident)*) => {$(
            super::$table::Entity::find().all(store.reader()).await.expect(stringify!($table));
        )*};
    }
    select_all!(
        access_key
        account
        address_pool
        authority
        change
        client_token
        cluster
        condemned_guest
        console_question
        elastic_address
        fenced_host
        host
        image
        instance
        interface_security_group
        internet_gateway
        join_token
        key_pair
        launch_template
        launch_template_version
        lease
        network_interface
        network_interface_attachment
        part
        placement
        placement_group
        prefix_list
        prefix_list_entry
        private_address
        public_address
        refused_placement
        reservation
        scheduler
        security_group
        security_group_rule
        snapshot
        subnet
        subnet_cidr_reservation
        tag
        tombstone
        volume
        volume_attachment
        vpc
        vpc_endpoint
    );
}
