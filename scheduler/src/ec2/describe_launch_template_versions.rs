//! `DescribeLaunchTemplateVersions`: of one template, or the latest and default versions of all.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message;
use super::model::launch_template::{VERSION_FILTERS, VersionView};
use crate::engine::{Ask, Query};
use crate::launch_template::{Named, Version, absent_version, number_of, version_id};
use crate::store::{Outcome, Rows, launch_template};

impl Query for ec2::DescribeLaunchTemplateVersionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidLaunchTemplateIdMalformed,
        ErrorCode::InvalidLaunchTemplateIdNotFound,
        ErrorCode::InvalidLaunchTemplateIdVersionNotFound,
        ErrorCode::InvalidLaunchTemplateNameMalformed,
        ErrorCode::InvalidLaunchTemplateNameNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeLaunchTemplateVersionsResult> {
        let page = ask.page(&self)?;
        let filters = VERSION_FILTERS.compile(message::filters(&self.filters))?;
        let versions: Vec<Version> = self.versions.iter().map(|text| Version::parse(text)).collect::<Result<_, _>>()?;
        let bounds = Bounds::of(&self)?;
        let named = Named::given(self.launch_template_id.as_ref(), self.launch_template_name.as_ref())?;
        let mut found = {
            let rows = ask.rows();
            match named {
                Some(named) => of_one(&rows, &named.find_in(&rows, ask.account())?, &versions, &bounds.range(&versions)?)?,
                None => of_all(&rows, ask.account(), bounds.only_words(&versions)?)?,
            }
        };
        found.retain(|version| filters.matches(version));
        found.sort_by(|one, other| one.place.cmp(&other.place));
        let (found, next_token) = page.cut(found, |version| &version.place)?;
        Ok(ec2::DescribeLaunchTemplateVersionsResult { launch_template_versions: found.into_iter().map(Into::into).collect(), next_token })
    }
}

/// The lowest and the highest number that a request gives.
struct Bounds(Option<i64>, Option<i64>);

impl Bounds {
    fn of(request: &ec2::DescribeLaunchTemplateVersionsRequest) -> Result<Self, Fault> {
        let bound = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(number_of).transpose();
        Ok(Self(bound(&request.min_version)?, bound(&request.max_version)?))
    }

    fn are_given(&self) -> bool {
        self.0.is_some() || self.1.is_some()
    }

    /// Of a request about one template, which gives these or names its versions.
    fn range(&self, versions: &[Version]) -> Result<RangeInclusive<i64>, Fault> {
        if self.are_given() && !versions.is_empty() {
            let message = "Give either versions or the minimum and maximum of their numbers, not both.";
            return Err(Fault::new(ErrorCode::InvalidParameterCombination, message));
        }
        Ok(self.0.unwrap_or(1)..=self.1.unwrap_or(i64::MAX))
    }

    /// Of a request about all templates: numbers mean something of one alone.
    fn only_words<'a>(&self, versions: &'a [Version]) -> Result<&'a [Version], Fault> {
        let numbers = versions.iter().any(|version| matches!(version, Version::Number(_)));
        if versions.is_empty() || numbers || self.are_given() {
            let message = "Give a launch template ID or name. Without one, $Latest and $Default are the versions that can be described.";
            return Err(Fault::new(ErrorCode::MissingParameter, message));
        }
        Ok(versions)
    }
}

fn of_one(
    rows: &Rows,
    template: &Arc<launch_template::Model>,
    versions: &[Version],
    range: &RangeInclusive<i64>,
) -> Result<Vec<VersionView>, Fault> {
    let id = &template.launch_template_id;
    if versions.is_empty() {
        let all = rows.launch_template_versions.of(id, None).filter_map(|key| rows.launch_template_versions.one(key));
        let in_range = all.filter(|row| range.contains(&row.version_number));
        return in_range.map(|row| VersionView::new(Arc::clone(template), Arc::clone(row))).collect();
    }
    let numbers: BTreeSet<i64> = versions.iter().map(|version| version.of(template)).collect();
    numbers.into_iter().map(|number| view(rows, template, number)).collect()
}

fn of_all(rows: &Rows, account: &str, versions: &[Version]) -> Result<Vec<VersionView>, Fault> {
    let templates = rows.launch_templates.of(account, None).filter_map(|id| rows.launch_templates.one(id));
    let each = templates.map(|template| of_one(rows, template, versions, &(1..=i64::MAX)));
    Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn view(rows: &Rows, template: &Arc<launch_template::Model>, number: i64) -> Result<VersionView, Fault> {
    let id = &template.launch_template_id;
    let row = rows.launch_template_versions.one(&version_id(id, number)).ok_or_else(|| absent_version(id, number))?;
    VersionView::new(Arc::clone(template), Arc::clone(row))
}
