//! What a client asks next, drawn from the dice: mostly something that can be done, and each way to be wrong now and then.

use super::instances::{Instance, State};
use super::keys::BROUGHT;
use super::query::Query;
use super::room::TYPES;
use super::{Account, Rules};
use crate::dice::Dice;

/// Draws for one client.
pub struct Draw<'a> {
    pub dice: &'a mut Dice,
    pub rules: &'a Rules,
    pub account: usize,
}

impl Draw<'_> {
    pub fn query(&mut self) -> Query {
        let drawn = self.dice.below(100);
        // Without an instance little of what concerns one can be done.
        let nothing = self.own().instances.values().all(|one| one.state.ends()) && !self.dice.one_in(6);
        let query = match drawn {
            0..=15 => self.launch(),
            16..=62 if nothing => self.launch(),
            16..=23 => self.several("StartInstances", |one| one.state == State::Stopped),
            24..=31 => self.stop(),
            32..=34 => self.several("RebootInstances", |one| one.state == State::Running),
            35..=43 => self.several("TerminateInstances", |one| !one.state.ends()),
            44..=46 => self.several("MonitorInstances", |one| !one.monitored && !one.state.ends()),
            47..=48 => self.several("UnmonitorInstances", |one| one.monitored && !one.state.ends()),
            49..=57 => self.modify(),
            58..=58 => self.reset(),
            59..=62 => self.metadata(),
            63..=68 => self.create_tags(),
            69..=72 => self.delete_tags(),
            73..=78 => self.key_pair(),
            79..=82 => self.group_rule(),
            83..=94 => self.template(),
            _ => self.placement_group(),
        };
        if self.dice.one_in(14) { query.with("DryRun", "true") } else { query }
    }

    pub fn own(&self) -> &Account {
        &self.rules.accounts[self.account]
    }

    /// One of these words.
    pub fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.dice.below(words.len())]
    }

    /// A well-formed id of nothing.
    pub fn absent(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.dice.below(1 << 40))
    }

    /// One of these; now and then what is another account's, of nothing, or no id at all.
    pub fn id(&mut self, prefix: &str, own: &[String], all: impl Fn(&Account) -> Vec<String>) -> String {
        let others = (0..self.rules.accounts.len()).filter(|other| *other != self.account);
        let foreign: Vec<String> = others.flat_map(|other| all(&self.rules.accounts[other])).collect();
        let drawn = match self.dice.below(40) {
            0 => self.dice.pick(&foreign),
            1 => None,
            2 => return format!("{prefix}-xyz"),
            _ => self.dice.pick(own),
        };
        drawn.cloned().unwrap_or_else(|| self.absent(prefix))
    }

    fn instance(&mut self, suits: fn(&Instance) -> bool) -> String {
        let suitable: Vec<String> = self.own().instances.iter().filter(|(_, one)| suits(one)).map(|(id, _)| id.clone()).collect();
        let any = |account: &Account| account.instances.keys().cloned().collect::<Vec<_>>();
        let own = if suitable.is_empty() || self.dice.one_in(6) { any(self.own()) } else { suitable };
        self.id("i", &own, any)
    }

    fn several(&mut self, action: &'static str, suits: fn(&Instance) -> bool) -> Query {
        let count = if self.dice.one_in(4) { 2 + self.dice.below(3) } else { usize::from(!self.dice.one_in(60)) };
        let ids: Vec<String> = (0..count).map(|_| self.instance(suits)).collect();
        Query::new(action).with_list("InstanceId", ids)
    }

    fn stop(&mut self) -> Query {
        let query = self.several("StopInstances", |one| one.state == State::Running);
        if self.dice.one_in(4) { query.with("Force", "true") } else { query }
    }

    pub fn instance_type(&mut self) -> &'static str {
        match self.dice.below(40) {
            0 => "x9.huge",
            1..=20 => TYPES[self.dice.below(2)].0,
            _ => TYPES[self.dice.below(TYPES.len())].0,
        }
    }

    pub fn image(&mut self) -> String {
        match self.dice.below(60) {
            0 => "ami-xyz".into(),
            1 => self.absent("ami"),
            _ => self.rules.image_id.clone(),
        }
    }

    pub fn user_data(&mut self) -> &'static str {
        self.word(&["aGVsbG8=", "d29ybGQ=", "IyEvYmluL3NoCg==", "aGVsbG8=", "d29ybGQ=", "not base64!"])
    }

    pub fn key_name(&mut self) -> String {
        let own: Vec<String> = self.own().keys.keys().cloned().collect();
        let known = if self.dice.one_in(8) { None } else { self.dice.pick(&own).cloned() };
        known.unwrap_or_else(|| format!("key-{}", self.dice.below(6)))
    }

    pub fn tag_key(&mut self) -> String {
        match self.dice.below(24) {
            0 => "aws:own".into(),
            1 => "AWS:Own".into(),
            2 => "k".repeat(128 + self.dice.below(2)),
            3 => String::new(),
            4 => "Ärger & <Co>".into(),
            _ => self.word(&["Name", "name", "Owner", "a", "b", "c"]).into(),
        }
    }

    pub fn tag_value(&mut self) -> String {
        match self.dice.below(20) {
            0 => "v".repeat(256 + self.dice.below(2)),
            1 => " <&>\"'".into(),
            _ => self.word(&["", "1", "2", "Web"]).into(),
        }
    }

    pub fn tags(&mut self) -> Vec<(String, String)> {
        (0..=self.dice.below(3)).map(|_| (self.tag_key(), self.tag_value())).collect()
    }

    fn launch(&mut self) -> Query {
        let remembered: Vec<Query> =
            self.own().tokens.iter().filter(|((action, _), _)| action == "RunInstances").map(|(_, one)| one.query.clone()).collect();
        if self.dice.one_in(6)
            && let Some(query) = self.dice.pick(&remembered).cloned()
        {
            // The same again, or something else by its token.
            return if self.dice.one_in(3) { query.with("InstanceInitiatedShutdownBehavior", "terminate") } else { query };
        }
        let (min, max) = self.counts();
        let mut query = Query::new("RunInstances").with("MinCount", min).with("MaxCount", max);
        let templates: Vec<(String, String)> = self.own().templates.iter().map(|(id, one)| (id.clone(), one.name.clone())).collect();
        let mut bare = false;
        if self.dice.one_in(3) && (!templates.is_empty() || self.dice.one_in(8)) {
            query = self.by_template(query, &templates, "LaunchTemplate.");
            if !self.dice.one_in(3) {
                query = query.with("LaunchTemplate.Version", self.version());
            }
            bare = !self.dice.one_in(3);
        }
        if !bare {
            query = query.with("InstanceType", self.instance_type()).with("ImageId", self.image());
        }
        if self.dice.one_in(3) {
            query = query.with("ClientToken", format!("token-{}", self.dice.below(12)));
        }
        self.details(query)
    }

    fn counts(&mut self) -> (usize, usize) {
        match self.dice.below(40) {
            0 => (0, 1),
            1 => (2, 1),
            2..=4 => (15 + self.dice.below(40), 60),
            5..=15 => {
                let min = 1 + self.dice.below(4);
                (min, min + self.dice.below(5))
            }
            _ => (1, 1),
        }
    }

    fn details(&mut self, mut query: Query) -> Query {
        if self.dice.one_in(3) {
            query = query.with("KeyName", self.key_name());
        }
        if self.dice.one_in(3) {
            let kind = if self.dice.one_in(12) { "key-pair" } else { "instance" };
            query = query.with_tags("", kind, &self.tags());
        }
        for name in ["DisableApiTermination", "DisableApiStop", "Monitoring.Enabled"] {
            if self.dice.one_in(9) {
                query = query.with(name, "true");
            }
        }
        if self.dice.one_in(5) {
            query = query.with("InstanceInitiatedShutdownBehavior", self.word(&["stop", "terminate", "terminate"]));
        }
        if self.dice.one_in(5) {
            query = query.with("UserData", self.user_data());
        }
        if self.dice.one_in(6) {
            query = self.options(query, "MetadataOptions.");
        }
        if self.dice.one_in(6) {
            query = query.with_list("SecurityGroupId", [self.group_id()]);
        }
        let grouped = !self.own().placement_groups.is_empty() || self.dice.one_in(12);
        if grouped && self.dice.one_in(3) { self.placement(query) } else { query }
    }

    /// In a group, mostly one of the account's; a type that any group takes.
    fn placement(&mut self, query: Query) -> Query {
        let query = if self.dice.one_in(2) && query.get("InstanceType").is_some() { query.with("InstanceType", "c5.large") } else { query };
        let own: Vec<String> = self.own().placement_groups.keys().cloned().collect();
        let name = self.dice.pick(&own).cloned().unwrap_or_else(|| "pg-none".into());
        let query = query.with("Placement.GroupName", name);
        if self.dice.one_in(4) { query.with("Placement.PartitionNumber", 1 + self.dice.below(4)) } else { query }
    }

    /// Options of the metadata service, one of them at least.
    fn options(&mut self, mut query: Query, prefix: &str) -> Query {
        let hops = if self.dice.one_in(8) { 65 } else { 1 + self.dice.below(64) };
        let (able, other) = (self.word(&["enabled", "disabled"]), self.word(&["enabled", "disabled"]));
        let tokens = self.word(&["optional", "required"]);
        let all = [
            ("HttpTokens", tokens.into()),
            ("HttpPutResponseHopLimit", hops.to_string()),
            ("HttpEndpoint", able.into()),
            ("InstanceMetadataTags", other.into()),
        ];
        let first = self.dice.below(all.len());
        for (at, (name, value)) in all.into_iter().enumerate() {
            if at == first || self.dice.one_in(3) {
                query = query.with(format!("{prefix}{name}"), value);
            }
        }
        query
    }

    fn metadata(&mut self) -> Query {
        let query = Query::new("ModifyInstanceMetadataOptions").with("InstanceId", self.instance(|one| !one.state.ends()));
        self.options(query, "")
    }

    fn modify(&mut self) -> Query {
        let off: fn(&Instance) -> bool = |one| one.state == State::Stopped;
        let there: fn(&Instance) -> bool = |one| !one.state.ends();
        let flag = self.word(&["true", "false"]);
        let (suits, name, value) = match self.dice.below(8) {
            0..=1 => (off, "InstanceType.Value", self.instance_type()),
            2..=3 => (off, "UserData.Value", self.word(&["aGVsbG8=", "d29ybGQ="])),
            4 => (there, "DisableApiTermination.Value", self.word(&["true", "false", "false"])),
            5 => (there, "DisableApiStop.Value", self.word(&["true", "false", "false"])),
            6 => (there, "InstanceInitiatedShutdownBehavior.Value", self.word(&["stop", "terminate"])),
            _ => (there, "SourceDestCheck.Value", flag),
        };
        let query = Query::new("ModifyInstanceAttribute").with("InstanceId", self.instance(suits));
        match self.dice.below(16) {
            0 => query,
            1 => query.with(name, value).with("EbsOptimized.Value", "false").with("DisableApiStop.Value", flag),
            2 => query.with("Attribute", "disableApiTermination").with("Value", flag),
            _ => query.with(name, value),
        }
    }

    fn reset(&mut self) -> Query {
        let attribute = self.word(&["sourceDestCheck", "kernel", "ramdisk", "userData"]);
        Query::new("ResetInstanceAttribute").with("InstanceId", self.instance(|one| !one.state.ends())).with("Attribute", attribute)
    }

    fn key_pair(&mut self) -> Query {
        let name = if self.dice.one_in(20) { " key".into() } else { format!("key-{}", self.dice.below(6)) };
        let query = match self.dice.below(8) {
            0..=2 => Query::new("CreateKeyPair").with("KeyName", name).with("KeyType", "ed25519"),
            3..=4 => {
                Query::new("ImportKeyPair").with("KeyName", name).with("PublicKeyMaterial", BROUGHT[usize::from(self.dice.one_in(6))].0)
            }
            5 => {
                let ids = |account: &Account| account.keys.values().map(|key| key.id.clone()).collect::<Vec<_>>();
                let own = ids(self.own());
                return Query::new("DeleteKeyPair").with("KeyPairId", self.id("key", &own, ids));
            }
            _ => return Query::new("DeleteKeyPair").with("KeyName", name),
        };
        if self.dice.one_in(3) { query.with_tags("", "key-pair", &self.tags()) } else { query }
    }
}
