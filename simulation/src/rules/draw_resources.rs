//! The rest of what clients ask: tags, rules of groups, launch templates, placement groups.

use super::Account;
use super::draw::Draw;
use super::query::Query;

impl Draw<'_> {
    pub fn group_id(&mut self) -> String {
        let of = |account: &Account| vec![account.group_id.clone()];
        let own = of(self.own());
        self.id("sg", &own, of)
    }

    /// Something that can be tagged.
    fn resource(&mut self) -> String {
        match self.dice.below(12) {
            0 => "x-0123abcd".into(),
            1 => self.group_id(),
            2..=3 => {
                let of = |account: &Account| account.keys.values().map(|key| key.id.clone()).collect::<Vec<_>>();
                let own = of(self.own());
                self.id("key", &own, of)
            }
            4..=5 => {
                let of = |account: &Account| account.templates.keys().cloned().collect::<Vec<_>>();
                let own = of(self.own());
                self.id("lt", &own, of)
            }
            6 => {
                let of = |account: &Account| account.placement_groups.values().map(|group| group.id.clone()).collect::<Vec<_>>();
                let own = of(self.own());
                self.id("pg", &own, of)
            }
            _ => {
                let of = |account: &Account| account.instances.keys().cloned().collect::<Vec<_>>();
                let own = of(self.own());
                self.id("i", &own, of)
            }
        }
    }

    fn resources(&mut self) -> Vec<String> {
        let count = if self.dice.one_in(4) { 2 } else { 1 };
        let mut ids: Vec<String> = (0..count).map(|_| self.resource()).collect();
        ids.dedup();
        ids
    }

    pub fn create_tags(&mut self) -> Query {
        let (mut ids, mut tags) = (self.resources(), self.tags());
        // Two of these are more than there may be.
        if self.dice.one_in(5) {
            let from = self.dice.below(2) * 26;
            tags = (from..from + 26).map(|number| (format!("n{number}"), String::new())).collect();
            ids = vec![self.own().group_id.clone()];
        }
        Query::new("CreateTags").with_list("ResourceId", ids).with_plain_tags("", &tags)
    }

    pub fn delete_tags(&mut self) -> Query {
        let query = Query::new("DeleteTags").with_list("ResourceId", self.resources());
        let (key, value) = (self.tag_key(), self.tag_value());
        match self.dice.below(4) {
            0 => query,
            1 => query.with("Tag.1.Key", key).with("Tag.1.Value", value),
            2 => query.with("Tag.1.Key", key),
            _ => query.with("Tag.1.Key", "Name").with("Tag.2.Key", "Owner").with("Tag.2.Value", value),
        }
    }

    pub fn group_rule(&mut self) -> Query {
        let action = self.word(&["AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]);
        let mut query = Query::new(action).with("GroupId", self.group_id());
        for at in 1..=1 + usize::from(self.dice.one_in(4)) {
            let permission = format!("IpPermissions.{at}");
            let protocol = match self.dice.below(24) {
                0 => "ip",
                1 => "-1",
                _ => self.word(&["tcp", "udp"]),
            };
            let from = 20 + self.dice.below(4);
            let to = if self.dice.one_in(20) { from - 1 } else { from };
            let network = match self.dice.below(24) {
                0 => "10.0.0.0/33",
                _ => self.word(&["10.0.0.0/8", "0.0.0.0/0"]),
            };
            query = query.with(format!("{permission}.IpProtocol"), protocol).with(format!("{permission}.FromPort"), from);
            query = query.with(format!("{permission}.ToPort"), to).with(format!("{permission}.IpRanges.1.CidrIp"), network);
        }
        query
    }

    /// A version as requests name it.
    pub fn version(&mut self) -> String {
        match self.dice.below(12) {
            0..=3 => "$Latest".into(),
            4..=6 => "$Default".into(),
            7 => self.word(&["0", "$latest", "1.0"]).into(),
            _ => (1 + self.dice.below(4)).to_string(),
        }
    }

    /// Names a template by its id or its name.
    pub fn by_template(&mut self, query: Query, own: &[(String, String)], prefix: &str) -> Query {
        let (ids, names): (Vec<String>, Vec<String>) = own.iter().cloned().unzip();
        if self.dice.one_in(2) {
            let id = self.id("lt", &ids, |account| account.templates.keys().cloned().collect());
            return query.with(format!("{prefix}LaunchTemplateId"), id);
        }
        let name = self.dice.pick(&names).cloned().filter(|_| !self.dice.one_in(10));
        query.with(format!("{prefix}LaunchTemplateName"), name.unwrap_or_else(|| self.template_name()))
    }

    fn template_name(&mut self) -> String {
        if self.dice.one_in(16) { "a b".into() } else { format!("template-{}", self.dice.below(3)) }
    }

    pub fn template(&mut self) -> Query {
        let own: Vec<(String, String)> = self.own().templates.iter().map(|(id, one)| (id.clone(), one.name.clone())).collect();
        let drawn = self.dice.below(12);
        match if own.is_empty() && !self.dice.one_in(8) { 0 } else { drawn } {
            0..=1 => {
                let query = Query::new("CreateLaunchTemplate").with("LaunchTemplateName", self.template_name());
                let query = if self.dice.one_in(3) { query.with_tags("", "launch-template", &self.tags()) } else { query };
                self.data(query, true)
            }
            2..=6 => {
                let query = self.by_template(Query::new("CreateLaunchTemplateVersion"), &own, "");
                let query = if self.dice.one_in(2) { query.with("SourceVersion", self.version()) } else { query };
                self.data(query, false)
            }
            7..=9 => self.by_template(Query::new("ModifyLaunchTemplate"), &own, "").with("SetDefaultVersion", self.version()),
            10 => self.by_template(Query::new("DeleteLaunchTemplate"), &own, ""),
            _ => {
                let numbers: Vec<usize> = (0..=self.dice.below(2)).map(|_| 1 + self.dice.below(5)).collect();
                let named = self.by_template(Query::new("DeleteLaunchTemplateVersions"), &own, "");
                named.with_list("LaunchTemplateVersion", numbers)
            }
        }
    }

    fn data(&mut self, mut query: Query, whole: bool) -> Query {
        let prefix = "LaunchTemplateData.";
        let give = |query: &mut Query, name: &str, value: String| {
            *query = std::mem::replace(query, Query::new("")).with(format!("{prefix}{name}"), value);
        };
        if whole || self.dice.one_in(2) {
            give(&mut query, "InstanceType", self.instance_type().into());
            give(&mut query, "ImageId", self.image());
        } else {
            give(&mut query, "DisableApiTermination", "false".into());
        }
        if self.dice.one_in(4) {
            give(&mut query, "KeyName", self.key_name());
        }
        if self.dice.one_in(4) {
            give(&mut query, "UserData", self.user_data().into());
        }
        if self.dice.one_in(4) {
            give(&mut query, "MetadataOptions.HttpTokens", "required".into());
        }
        if self.dice.one_in(5) {
            give(&mut query, "Monitoring.Enabled", "true".into());
        }
        if self.dice.one_in(5) {
            give(&mut query, "InstanceInitiatedShutdownBehavior", "terminate".into());
        }
        if self.dice.one_in(3) {
            let tags = [("Name".to_owned(), self.word(&["of-template", "x"]).to_owned())];
            query = query.with_tags(prefix, "instance", &tags);
        }
        query
    }

    pub fn placement_group(&mut self) -> Query {
        let name = format!("group-{}", self.dice.below(4));
        if self.dice.one_in(3) {
            let own: Vec<String> = self.own().placement_groups.keys().cloned().collect();
            let name = self.dice.pick(&own).cloned().filter(|_| !self.dice.one_in(8)).unwrap_or(name);
            return Query::new("DeletePlacementGroup").with("GroupName", name);
        }
        let strategy = self.word(&["cluster", "spread", "spread", "partition", "partition"]);
        let mut query = Query::new("CreatePlacementGroup").with("GroupName", name).with("Strategy", strategy);
        if self.dice.one_in(3) {
            query = query.with("PartitionCount", 1 + self.dice.below(8));
        }
        if self.dice.one_in(4) { query.with_tags("", "placement-group", &self.tags()) } else { query }
    }
}
