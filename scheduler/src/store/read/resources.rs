//! Rows that a Describe shows as they are, with their tags.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::{Select, chosen, tags};
use crate::store::{key_pair, security_group, security_group_rule, subnet, vpc};

/// Something with its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<T> {
    pub item: T,
    pub tags: BTreeMap<String, String>,
}

/// A table whose rows have an id and an account.
pub trait Resource: EntityTrait {
    const ACCOUNT: Self::Column;
    const ID: Self::Column;

    fn id(row: &Self::Model) -> &str;
}

macro_rules! resources {
    ($($table:ident.$id:ident = $column:ident,)*) => {$(
        impl Resource for $table::Entity {
            const ACCOUNT: $table::Column = $table::Column::AccountId;
            const ID: $table::Column = $table::Column::$column;

            fn id(row: &$table::Model) -> &str {
                &row.$id
            }
        }
    )*};
}
resources! {
    key_pair.key_pair_id = KeyPairId,
    security_group.group_id = GroupId,
    subnet.subnet_id = SubnetId,
    vpc.vpc_id = VpcId,
}

/// Rows of an account with their tags, by id.
pub async fn load<E: Resource>(db: &impl ConnectionTrait, account: &str, select: &Select) -> Result<Vec<Tagged<E::Model>>, DbErr> {
    let rows = E::find().filter(E::ACCOUNT.eq(account)).order_by_asc(E::ID);
    let rows = chosen(db, rows, E::ID, select).await?;
    with_tags(db, account, select, rows, E::id).await
}

/// Puts their tags to things that were read by `select`, and brings them into the order of their ids.
pub async fn with_tags<T>(
    db: &impl ConnectionTrait,
    account: &str,
    select: &Select,
    items: Vec<T>,
    id: impl Fn(&T) -> &str,
) -> Result<Vec<Tagged<T>>, DbErr> {
    let mut tags = tags::of_resources(db, account, select).await?;
    let mut tagged: Vec<Tagged<T>> =
        items.into_iter().map(|item| Tagged { tags: tags.remove(id(&item)).unwrap_or_default(), item }).collect();
    tagged.sort_by(|a, b| id(&a.item).cmp(id(&b.item)));
    Ok(tagged)
}

/// A security group as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupView {
    pub group: security_group::Model,
    pub tags: BTreeMap<String, String>,
    /// In the order they were made.
    pub rules: Vec<security_group_rule::Model>,
}

/// Groups with their rules, by id.
pub async fn security_groups(db: &impl ConnectionTrait, account: &str, select: &Select) -> Result<Vec<SecurityGroupView>, DbErr> {
    use security_group_rule::{Column, Entity};
    let of_account =
        Entity::find().filter(Column::AccountId.eq(account)).order_by_asc(Column::Created).order_by_asc(Column::SecurityGroupRuleId);
    let mut rules: BTreeMap<String, Vec<security_group_rule::Model>> = BTreeMap::new();
    for rule in chosen(db, of_account, Column::GroupId, select).await? {
        rules.entry(rule.group_id.clone()).or_default().push(rule);
    }
    let groups = load::<security_group::Entity>(db, account, select).await?;
    let view = |Tagged { item, tags }: Tagged<security_group::Model>| SecurityGroupView {
        rules: rules.remove(&item.group_id).unwrap_or_default(),
        group: item,
        tags,
    };
    Ok(groups.into_iter().map(view).collect())
}
