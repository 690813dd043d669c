//! `DescribeLaunchTemplates`.

use std::collections::BTreeSet;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::find::{Search, find};
use super::message;
use super::model::launch_template::{FILTERS, LaunchTemplate};
use super::resolve::LAUNCH_TEMPLATE;
use crate::engine::{Ask, Query};
use crate::launch_template::Named;
use crate::store::{Outcome, Rows};

impl Query for ec2::DescribeLaunchTemplatesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidLaunchTemplateIdMalformed,
        ErrorCode::InvalidLaunchTemplateIdNotFound,
        ErrorCode::InvalidLaunchTemplateNameMalformed,
        ErrorCode::InvalidLaunchTemplateNameNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeLaunchTemplatesResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        self.launch_template_ids.iter().try_for_each(|id| LAUNCH_TEMPLATE.check(id))?;
        let mut ids: BTreeSet<String> = self.launch_template_ids.iter().cloned().collect();
        ids.extend(by_name(&ask.rows(), ask.account(), &self.launch_template_names)?);
        let ids: Vec<String> = ids.into_iter().collect();
        let search = Search::new(&LAUNCH_TEMPLATE, &ids, page, &filters);
        let (found, next_token) = find(ask, search, |template: &LaunchTemplate| filters.matches(template))?;
        Ok(ec2::DescribeLaunchTemplatesResult { launch_templates: found.iter().map(Into::into).collect(), next_token })
    }
}

fn by_name(rows: &Rows, account: &str, names: &[String]) -> Result<Vec<String>, Fault> {
    names.iter().map(|name| Ok(Named::Name(name).find_in(rows, account)?.launch_template_id.clone())).collect()
}
