//! `DescribeVolumes`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::volume::FILTERS;
use super::resolve::VOLUME;
use crate::engine::{Ask, Query};
use crate::store::Outcome;
use crate::store::read::{resources, volumes};

impl Query for ec2::DescribeVolumesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVolumeIdMalformed,
        ErrorCode::InvalidVolumeNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVolumesResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let select = VOLUME.select(&self.volume_ids)?;
        let db = ask.read.snapshot().await?;
        let found = volumes::load(&db, ask.account(), &select).await?;
        VOLUME.all_found(&self.volume_ids, found.iter().map(|view| view.volume.volume_id.as_str()))?;
        let mut found = resources::with_tags(&db, ask.account(), &select, found, |view| &view.volume.volume_id).await?;
        found.retain(|volume| filters.matches(volume));
        let (found, next_token) = page.cut(found, |volume| &volume.item.volume.volume_id)?;
        Ok(ec2::DescribeVolumesResult { volumes: found.iter().map(Into::into).collect(), next_token })
    }
}
