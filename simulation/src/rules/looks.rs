//! What clients look at after a request: Describes by family, by page and by filter, held against the model.

use super::Account;
use super::bug::{ANSWERS, SHOWS};
use super::draw::Draw;
use super::instances::id_faults;
use super::query::Query;
use super::sequence::{ACCOUNTS, CLIENTS_EACH, Sequence, broken};
use super::shown::{ATTRIBUTES, All, Family, attribute, differ};
use crate::run::Broken;

impl Sequence<'_> {
    /// What the request was about, the rest in turns, and now and then everything of everybody.
    pub async fn look(&mut self, account: usize, query: &Query) -> Result<(), Broken> {
        self.look_at(account, Family::of(query.action)).await?;
        if self.requests.is_multiple_of(40) {
            for account in 0..ACCOUNTS.len() {
                self.look_at(account, &Family::ALL).await?;
            }
        }
        match self.requests % 6 {
            0 => self.look_by_id(account).await,
            1 => self.look_closely(account).await,
            3 => self.look_by_filter(account).await,
            5 => self.look_at(account, &[Family::ALL[self.requests / 6 % Family::ALL.len()]]).await,
            _ => Ok(()),
        }
    }

    pub async fn look_at(&mut self, account: usize, families: &[Family]) -> Result<(), Broken> {
        for family in families {
            let by_page = self.dice.one_in(3);
            let shown = self.describe(account, *family, family.question(), by_page).await?;
            let should = family.should(&self.rules, &self.rules.accounts[account]);
            if let Some(wrong) = differ(&shown, &should) {
                return Err(broken(SHOWS, format!("{family:?} of {}: {wrong}", ACCOUNTS[account])));
            }
        }
        Ok(())
    }

    /// Everything that a question finds, by one page or by many. Nothing may be shown twice.
    pub async fn describe(&mut self, account: usize, family: Family, question: Query, by_page: bool) -> Result<All, Broken> {
        let client = account * CLIENTS_EACH + self.dice.below(CLIENTS_EACH);
        let size = family.page().filter(|_| by_page).map(|least| least + self.dice.below(8));
        let question = size.map_or(question.clone(), |size| question.with("MaxResults", size));
        let (mut shown, mut token) = (All::new(), String::new());
        loop {
            let page = if token.is_empty() { question.clone() } else { question.clone().with("NextToken", &token) };
            let answer = self.put(client, &page).await?.map_err(|code| broken(ANSWERS, format!("{page:?} was answered {code}")))?;
            let found = family.read(&answer);
            if size.is_some_and(|size| found.len() > size) {
                return Err(broken(SHOWS, format!("{page:?} shows {}", found.len())));
            }
            for (id, facts) in found {
                if shown.insert(id.clone(), facts).is_some() {
                    return Err(broken(SHOWS, format!("{page:?} shows {id} twice")));
                }
            }
            answer.at("nextToken").clone_into(&mut token);
            if token.is_empty() {
                return Ok(shown);
            }
        }
    }

    /// Instances by their ids, of which one that is another account's is as absent as what never was; and no page is asked of them.
    async fn look_by_id(&mut self, account: usize) -> Result<(), Broken> {
        let any = |account: &Account| account.instances.keys().cloned().collect::<Vec<_>>();
        let own = any(&self.rules.accounts[account]);
        let (count, paged) = (1 + self.dice.below(2), self.dice.one_in(8));
        let mut draw = Draw { dice: &mut self.dice, rules: &self.rules, account };
        let ids: Vec<String> = (0..count).map(|_| draw.id("i", &own, any)).collect();
        let question = Query::new("DescribeInstances").with_list("InstanceId", &ids);
        let question = if paged { question.with("MaxResults", 5) } else { question };
        let mut faults = id_faults(&self.rules.accounts[account], &ids);
        faults.extend(paged.then_some("InvalidParameterCombination"));
        match self.put(account * CLIENTS_EACH, &question).await? {
            Err(code) if faults.contains(&code.as_str()) => Ok(()),
            Ok(answer) if faults.is_empty() => {
                let shown: All = Family::Instances.read(&answer).into_iter().collect();
                let mut should = Family::Instances.should(&self.rules, &self.rules.accounts[account]);
                should.retain(|id, _| ids.contains(id));
                differ(&shown, &should).map_or(Ok(()), |wrong| Err(broken(SHOWS, format!("{question:?}: {wrong}"))))
            }
            answer => {
                let said = answer.map_or_else(|code| code, |_| "success".into());
                Err(broken(ANSWERS, format!("{question:?} was answered {said}, and foretold was {faults:?}")))
            }
        }
    }

    /// One attribute of one instance, which Describe does not show.
    async fn look_closely(&mut self, account: usize) -> Result<(), Broken> {
        let ids: Vec<String> = self.rules.accounts[account].instances.keys().cloned().collect();
        let (Some(id), Some(name)) = (self.dice.pick(&ids), self.dice.pick(&ATTRIBUTES)) else { return Ok(()) };
        let question = Query::new("DescribeInstanceAttribute").with("InstanceId", id).with("Attribute", name);
        let answer = self.put(account * CLIENTS_EACH, &question).await?;
        let answer = answer.map_err(|code| broken(ANSWERS, format!("{question:?} was answered {code}")))?;
        let should = self.rules.accounts[account].instances.get(id).map(|one| attribute(one, name)).unwrap_or_default();
        let said = answer.child(name).at("value");
        if said == should { Ok(()) } else { Err(broken(SHOWS, format!("{name} of {id} is shown as {said:?} and is {should:?}"))) }
    }

    /// Instances by a filter.
    async fn look_by_filter(&mut self, account: usize) -> Result<(), Broken> {
        let (name, values): (&str, &[&str]) = match self.dice.below(7) {
            0 => ("instance-state-name", &["running", "stopped"]),
            1 => ("instance-type", &["t3.n*", "m5.large"]),
            2 => ("key-name", &["key-1", "key-2"]),
            3 => ("tag:Name", &["?eb", "1"]),
            4 => ("tag-key", &["Owner"]),
            5 => ("tag:aws:ec2launchtemplate:version", &["1"]),
            _ => ("monitoring-state", &["enabled"]),
        };
        let question = Query::new("DescribeInstances").with("Filter.1.Name", name).with_list("Filter.1.Value", values);
        let by_page = self.dice.one_in(2);
        let shown = self.describe(account, Family::Instances, question, by_page).await?;
        let own = &self.rules.accounts[account];
        let mut should = Family::Instances.should(&self.rules, own);
        should.retain(|id, facts| {
            let tag = |key: &str| own.tags.get(id).and_then(|tags| tags.get(key)).map(String::as_str);
            match name {
                "instance-state-name" => values.contains(&facts["state"].as_str()),
                "instance-type" => ["t3.nano", "m5.large"].contains(&facts["type"].as_str()),
                "key-name" => values.contains(&facts["key"].as_str()),
                "tag:Name" => tag("Name").is_some_and(|value| ["Web", "1"].contains(&value)),
                "tag-key" => tag("Owner").is_some(),
                "tag:aws:ec2launchtemplate:version" => tag("aws:ec2launchtemplate:version") == Some("1"),
                _ => facts["monitoring"] == "enabled",
            }
        });
        differ(&shown, &should).map_or(Ok(()), |wrong| Err(broken(SHOWS, format!("by {name}={values:?}: {wrong}"))))
    }
}
