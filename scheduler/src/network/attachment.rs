//! Interfaces on instances: plugged into guests that run, and let go of by them.
//!
//! ```text
//!   attach, running instance    attaching ──the host reports it──▶ attached ──detach──▶ detaching ──the host reports it gone──▶ no row
//!   attach, stopped instance    attached                           detach, stopped instance or by force ──▶ no row
//! ```
//!
//! A host is not told of what is detaching, so that its packets end at once; whether the guest has let go of the device is the guest's affair.

use freehold_proto::id::AttachmentId;
use freehold_proto::internal::host::{GuestState, InstanceObserved};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, Set};

use super::route;
use crate::lifecycle::step::State;
use crate::lifecycle::transition::save_restated;
use crate::store::network_interface_attachment::{Column, Entity, Model};
use crate::store::{Outcome, Tx, instance, network_interface};

pub const ATTACHING: &str = "attaching";
pub const ATTACHED: &str = "attached";
pub const DETACHING: &str = "detaching";

/// Attaches an interface that is free to an instance that has room for it, and says under which id.
pub async fn attach(tx: &mut Tx, interface: &network_interface::Model, instance: instance::Model, device_index: i32) -> Outcome<String> {
    let running = instance.state()? == State::Running;
    let attachment = Model {
        attachment_id: AttachmentId::draw(tx.entropy()).into(),
        account_id: interface.account_id.clone(),
        network_interface_id: interface.network_interface_id.clone(),
        instance_id: instance.instance_id.clone(),
        device_index,
        delete_on_termination: false,
        attach_time: tx.now(),
        status: if running { ATTACHING } else { ATTACHED }.into(),
    };
    let row = attachment.into_active_model().insert(tx.db()).await?;
    restate(tx, instance).await?;
    Ok(row.attachment_id)
}

/// Detaches it: at once where the guest need not be asked, or is not to be.
pub async fn detach(tx: &mut Tx, row: Model, instance: instance::Model, force: bool) -> Outcome<()> {
    if instance.state()? == State::Running && !force {
        if row.status == DETACHING {
            return Ok(());
        }
        let mut row = row.into_active_model();
        row.status = Set(DETACHING.into());
        row.update(tx.db()).await?;
        return restate(tx, instance).await;
    }
    // Routes to it are found by what it is attached to.
    route::restate_through(tx, &instance.instance_id).await?;
    row.delete(tx.db()).await?;
    restate(tx, instance).await
}

/// The host of the instance, and those that have routes to the interface. The others of the VPC are told by the feed.
async fn restate(tx: &mut Tx, instance: instance::Model) -> Outcome<()> {
    route::restate_through(tx, &instance.instance_id).await?;
    save_restated(tx, instance).await.map(drop)
}

/// The attachments of the instance that the report says more of than is known.
pub async fn settled_by(db: &impl ConnectionTrait, report: &InstanceObserved) -> Outcome<Vec<Model>> {
    if !report.interfaces_known {
        return Ok(Vec::new());
    }
    let unsettled = Entity::find().filter(Column::InstanceId.eq(&report.instance_id)).filter(Column::Status.ne(ATTACHED));
    Ok(unsettled.all(db).await?.into_iter().filter(|row| is_settled(row, report)).collect())
}

fn is_settled(row: &Model, report: &InstanceObserved) -> bool {
    let has = report.network_interface_ids.contains(&row.network_interface_id);
    match row.status.as_str() {
        // A guest that is off has it from its next start on.
        ATTACHING => has || report.state() == GuestState::Stopped,
        _ => !has,
    }
}

/// What was on its way has arrived.
pub async fn settle(tx: &Tx, row: Model) -> Outcome<()> {
    if row.status == ATTACHING {
        let mut row = row.into_active_model();
        row.status = Set(ATTACHED.into());
        row.update(tx.db()).await?;
        return Ok(());
    }
    row.delete(tx.db()).await?;
    Ok(())
}
