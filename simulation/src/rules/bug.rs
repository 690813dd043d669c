//! Slips that the product could make, made on the way to it: a request is changed before it arrives, an answer before it is read, a row
//! behind everybody's back. There is one at least for each family of rules, and a model that does not notice is no model.

use rusqlite::Connection;

use super::query::Query;

macro_rules! slips {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal breaks $rule:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Slip { $($(#[doc = $doc])* $name,)* }

        impl Slip {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As the command line names it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The rule that it mostly breaks: where what it changes leads to a refusal, the answer tells.
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)* }
            }
        }
    };
}

pub const ANSWERS: &str = "an answer is as EC2's rules foretell it";
pub const SHOWS: &str = "what is shown is what EC2's rules come to";
pub const GOES: &str = "an instance goes only where EC2's graph leads";

slips! {
    /// A dry run acts.
    ActingDryRun = "acting-dry-run" breaks ANSWERS;
    /// A launch is content with one instance.
    FewerThanAsked = "fewer-than-asked" breaks ANSWERS;
    /// Tokens are forgotten at once.
    ForgottenTokens = "forgotten-tokens" breaks ANSWERS;
    /// Of several instances the last is left out.
    LastLeftOut = "last-left-out" breaks ANSWERS;
    /// Nothing is protected from its end.
    Unprotected = "unprotected" breaks ANSWERS;
    /// A terminated instance is forgotten before its hour is over.
    EarlyForgetting = "early-forgetting" breaks GOES;
    /// Whatever type an instance is to get, it gets the smallest.
    SmallestType = "smallest-type" breaks SHOWS;
    /// The metadata service never asks for tokens.
    LooseMetadata = "loose-metadata" breaks SHOWS;
    /// Monitoring is never turned on.
    NeverMonitored = "never-monitored" breaks ANSWERS;
    /// Keys of tags lose their capitals.
    SmallTagKeys = "small-tag-keys" breaks SHOWS;
    /// A tag goes whatever its value.
    AnyTagValue = "any-tag-value" breaks SHOWS;
    /// A key pair of a name that is taken gets another name.
    KeyRenamed = "key-renamed" breaks ANSWERS;
    /// Another port is closed than was asked.
    OtherPort = "other-port" breaks ANSWERS;
    /// A launch goes by no placement group.
    NoPlacementGroup = "no-placement-group" breaks ANSWERS;
    /// The latest version of a template is the default one.
    LatestIsDefault = "latest-is-default" breaks SHOWS;
    /// The default version stays what it was.
    DefaultStays = "default-stays" breaks ANSWERS;
    /// Describes now and then show another account's.
    OtherAccount = "other-account" breaks SHOWS;
    /// What is on the second page is not shown.
    LostPages = "lost-pages" breaks SHOWS;
}

impl Slip {
    /// Changes what arrives.
    pub fn change(self, query: &mut Query) {
        let given = &mut query.given;
        match (self, query.action) {
            (Self::ActingDryRun, _) => given.remove("DryRun"),
            (Self::FewerThanAsked, "RunInstances") => _ = given.0.insert("MinCount".into(), "1".into()),
            (Self::LastLeftOut, _) => {
                let ids = given.list("InstanceId").len();
                if ids > 1 {
                    given.remove(&format!("InstanceId.{ids}"));
                }
            }
            (Self::Unprotected, "RunInstances") => ["DisableApiTermination", "DisableApiStop"].iter().for_each(|name| given.remove(name)),
            (Self::SmallestType, "ModifyInstanceAttribute") if given.get("InstanceType.Value").is_some() => {
                given.0.insert("InstanceType.Value".into(), "t3.nano".into());
            }
            (Self::LooseMetadata, _) => ["HttpTokens", "MetadataOptions.HttpTokens"].iter().for_each(|name| given.remove(name)),
            (Self::NeverMonitored, "MonitorInstances") => query.action = "UnmonitorInstances",
            (Self::SmallTagKeys, _) => {
                for (_, value) in given.0.iter_mut().filter(|(name, _)| is_tag(name, "Key")) {
                    value.make_ascii_lowercase();
                }
            }
            (Self::AnyTagValue, "DeleteTags") => given.0.retain(|name, _| !is_tag(name, "Value")),
            (Self::KeyRenamed, "CreateKeyPair" | "ImportKeyPair") => {
                given.0.entry("KeyName".into()).and_modify(|name| name.push_str(" (2)"));
            }
            (Self::OtherPort, "RevokeSecurityGroupIngress") => {
                let ports = given.0.iter_mut().filter(|(name, _)| name.ends_with("Port"));
                ports.for_each(|(_, port)| "9".clone_into(port));
            }
            (Self::NoPlacementGroup, "RunInstances") => given.remove("Placement"),
            (Self::LatestIsDefault, action) if !action.starts_with("Describe") => {
                for word in given.0.values_mut().filter(|word| *word == "$Latest") {
                    "$Default".clone_into(word);
                }
            }
            (Self::DefaultStays, "ModifyLaunchTemplate") => _ = given.0.insert("SetDefaultVersion".into(), "$Default".into()),
            _ => {}
        }
    }

    /// Whether this request is answered as another account's.
    pub fn is_strange(self, query: &Query, number: usize) -> bool {
        self == Self::OtherAccount && query.action.starts_with("Describe") && number % 7 == 3
    }

    /// Changes what comes back.
    pub fn change_answer(self, document: &mut String) {
        if self == Self::LostPages
            && let Some((before, after)) = document.clone().split_once("<nextToken>")
            && let Some((_, after)) = after.split_once("</nextToken>")
        {
            *document = format!("{before}{after}");
        }
    }

    /// Changes rows, between two requests.
    pub fn change_rows(self, database: &Connection) -> rusqlite::Result<usize> {
        match self {
            Self::ForgottenTokens => database.execute("DELETE FROM client_token", []),
            Self::EarlyForgetting => database.execute("UPDATE instance SET terminated_at = 1 WHERE terminated_at > 1", []),
            _ => Ok(0),
        }
    }
}

fn is_tag(name: &str, end: &str) -> bool {
    name.contains("Tag.") && name.ends_with(end)
}
