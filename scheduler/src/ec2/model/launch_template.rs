//! Launch templates and their versions.

use std::sync::Arc;

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::ec2::message::{self, iso8601, timestamp};
use crate::filter::{Table, flag};
use crate::launch_template::data;
use crate::store::read::resources::Tagged;
use crate::store::{launch_template, launch_template_version};

pub type LaunchTemplate = Tagged<Arc<launch_template::Model>>;

pub const FILTERS: Table<LaunchTemplate> = Table {
    names: &[
        ("create-time", |template, say| say(&iso8601(template.item.created))),
        ("launch-template-name", |template, say| say(&template.item.launch_template_name)),
    ],
    tags: Some(|template, say| template.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl From<&LaunchTemplate> for ec2::LaunchTemplate {
    fn from(Tagged { item, tags }: &LaunchTemplate) -> Self {
        Self { tags: message::tags(tags), ..item.as_ref().into() }
    }
}

/// Without its tags.
impl From<&launch_template::Model> for ec2::LaunchTemplate {
    fn from(row: &launch_template::Model) -> Self {
        Self {
            launch_template_id: Some(row.launch_template_id.clone()),
            launch_template_name: Some(row.launch_template_name.clone()),
            create_time: Some(timestamp(row.created)),
            created_by: Some(row.created_by.clone()),
            default_version_number: Some(row.default_version_number),
            latest_version_number: Some(row.latest_version_number),
            ..Self::default()
        }
    }
}

/// A version with what it says.
pub struct VersionView {
    pub template: Arc<launch_template::Model>,
    pub row: Arc<launch_template_version::Model>,
    pub data: ec2::RequestLaunchTemplateData,
    /// By which pages are cut: a template's newest version comes first.
    pub place: String,
}

impl VersionView {
    pub fn new(template: Arc<launch_template::Model>, row: Arc<launch_template_version::Model>) -> Result<Self, Fault> {
        let place = format!("{} {:019}", row.launch_template_id, i64::MAX - row.version_number);
        Ok(Self { data: data::read(&row.data)?, template, row, place })
    }

    fn is_default(&self) -> bool {
        self.row.version_number == self.template.default_version_number
    }
}

pub const VERSION_FILTERS: Table<VersionView> = Table {
    names: &[
        ("create-time", |version, say| say(&iso8601(version.row.created))),
        ("ebs-optimized", |version, say| version.data.ebs_optimized.iter().for_each(|optimized| say(flag(*optimized)))),
        ("host-resource-group-arn", |version, say| {
            version.data.placement.iter().filter_map(|placement| placement.host_resource_group_arn.as_deref()).for_each(say);
        }),
        ("http-endpoint", |version, say| options(version).filter_map(|options| options.http_endpoint.as_deref()).for_each(say)),
        // EC2's guests reach the service by IPv4 wherever they reach it at all.
        ("http-protocol-ipv4", |version, say| options(version).filter_map(|options| options.http_endpoint.as_deref()).for_each(say)),
        ("http-tokens", |version, say| options(version).filter_map(|options| options.http_tokens.as_deref()).for_each(say)),
        ("iam-instance-profile", |version, say| {
            let profile = version.data.iam_instance_profile.iter();
            profile.flat_map(|profile| [profile.arn.as_deref(), profile.name.as_deref()]).flatten().for_each(say);
        }),
        ("image-id", |version, say| version.data.image_id.as_deref().into_iter().for_each(say)),
        ("instance-type", |version, say| version.data.instance_type.as_deref().into_iter().for_each(say)),
        ("is-default-version", |version, say| say(flag(version.is_default()))),
        ("kernel-id", |version, say| version.data.kernel_id.as_deref().into_iter().for_each(say)),
        ("license-configuration-arn", |version, say| {
            version.data.license_specifications.iter().filter_map(|one| one.license_configuration_arn.as_deref()).for_each(say);
        }),
        ("network-card-index", |version, say| {
            let interfaces = version.data.network_interfaces.iter();
            interfaces.filter_map(|interface| interface.network_card_index).for_each(|index| say(&index.to_string()));
        }),
        ("ram-disk-id", |version, say| version.data.ram_disk_id.as_deref().into_iter().for_each(say)),
    ],
    tags: None,
};

fn options(version: &VersionView) -> impl Iterator<Item = &ec2::LaunchTemplateInstanceMetadataOptionsRequest> {
    version.data.metadata_options.iter()
}

impl From<VersionView> for ec2::LaunchTemplateVersion {
    fn from(view: VersionView) -> Self {
        Self {
            launch_template_id: Some(view.row.launch_template_id.clone()),
            // The name that it has now.
            launch_template_name: Some(view.template.launch_template_name.clone()),
            version_number: Some(view.row.version_number),
            version_description: view.row.version_description.clone(),
            create_time: Some(timestamp(view.row.created)),
            created_by: Some(view.row.created_by.clone()),
            default_version: Some(view.is_default()),
            launch_template_data: Some(view.data.into()),
            ..Self::default()
        }
    }
}
