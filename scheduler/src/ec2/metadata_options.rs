//! How an instance's metadata service is to behave, as a launch and a modification give it.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>.

use freehold_proto::Fault;

use super::run_instances::invalid;
use crate::store::instance;

/// What a request gives.
#[derive(Default)]
pub struct Given {
    pub http_tokens: Option<String>,
    pub http_endpoint: Option<String>,
    pub http_put_response_hop_limit: Option<i32>,
    pub instance_metadata_tags: Option<String>,
}

pub struct Options {
    pub http_tokens: String,
    pub http_endpoint: String,
    pub http_put_response_hop_limit: i32,
    pub instance_metadata_tags: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            http_tokens: "optional".into(),
            http_endpoint: "enabled".into(),
            http_put_response_hop_limit: 1,
            instance_metadata_tags: "disabled".into(),
        }
    }
}

impl From<&instance::Model> for Options {
    fn from(row: &instance::Model) -> Self {
        Self {
            http_tokens: row.http_tokens.clone(),
            http_endpoint: row.http_endpoint.clone(),
            http_put_response_hop_limit: row.http_put_response_hop_limit,
            instance_metadata_tags: row.instance_metadata_tags.clone(),
        }
    }
}

impl Options {
    /// With what is given; the rest stays.
    pub fn with(self, given: Given) -> Result<Self, Fault> {
        let hops = given.http_put_response_hop_limit.unwrap_or(self.http_put_response_hop_limit);
        if !(1..=64).contains(&hops) {
            return Err(invalid(format!("Value ({hops}) for parameter HttpPutResponseHopLimit is invalid. It must be between 1 and 64.")));
        }
        let able = ["enabled", "disabled"];
        Ok(Self {
            http_tokens: word(given.http_tokens, "HttpTokens", ["optional", "required"], self.http_tokens)?,
            http_endpoint: word(given.http_endpoint, "HttpEndpoint", able, self.http_endpoint)?,
            http_put_response_hop_limit: hops,
            instance_metadata_tags: word(given.instance_metadata_tags, "InstanceMetadataTags", able, self.instance_metadata_tags)?,
        })
    }

    pub fn put_on(self, row: &mut instance::Model) {
        row.http_tokens = self.http_tokens;
        row.http_endpoint = self.http_endpoint;
        row.http_put_response_hop_limit = self.http_put_response_hop_limit;
        row.instance_metadata_tags = self.instance_metadata_tags;
    }
}

fn word(given: Option<String>, parameter: &str, words: [&str; 2], present: String) -> Result<String, Fault> {
    let word = given.filter(|word| !word.is_empty()).unwrap_or(present);
    if words.contains(&word.as_str()) {
        return Ok(word);
    }
    Err(invalid(format!("Value ({word}) for parameter {parameter} is invalid. Use {} or {}.", words[0], words[1])))
}
