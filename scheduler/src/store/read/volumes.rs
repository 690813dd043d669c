//! Volumes with what they are attached to.

use std::sync::Arc;

use super::View;
use super::resources::Tagged;
use crate::store::{Rows, volume, volume_attachment};

/// A volume as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeView {
    pub volume: Arc<volume::Model>,
    pub attachment: Option<Arc<volume_attachment::Model>>,
}

impl VolumeView {
    fn put_together(rows: &Rows, id: &str) -> Option<Self> {
        Some(Self { volume: Arc::clone(rows.volumes.one(id)?), attachment: rows.volume_attachments.one(id).cloned() })
    }

    /// The root volume first, then by device name.
    pub(super) fn of_instance(rows: &Rows, instance_id: &str) -> Vec<Self> {
        let attached = rows.volume_attachments.of(instance_id, None);
        let mut views: Vec<Self> = attached.filter_map(|id| Self::put_together(rows, id)).collect();
        views.sort_by(|a, b| order(a).cmp(&order(b)));
        views
    }
}

fn order(view: &VolumeView) -> Option<(bool, &str)> {
    view.attachment.as_ref().map(|attachment| (!attachment.is_root, attachment.device_name.as_str()))
}

impl View for Tagged<VolumeView> {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let item = VolumeView::put_together(rows, id).filter(|view| view.volume.account_id == account)?;
        Some(Self { item, tags: rows.tags_of(account, id) })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.volumes.of(account, after))
    }

    fn id(&self) -> &str {
        &self.item.volume.volume_id
    }
}
