//! `freehold host token`: what lets a part on another machine join.

use freehold_link::token::{Token, hex};
use freehold_proto::internal::operator::CreateJoinTokenRequest;
use serde::Serialize;

use crate::Failure;
use crate::cli::{self, Joining, Output};
use crate::config::Config;
use crate::operator;
use crate::output;

#[derive(Serialize)]
struct Made {
    token: String,
    expires: String,
}

pub async fn run(config: &Config, output: Output, options: &cli::Token) -> Result<(), Failure> {
    let scheduler = said(&options.scheduler, config.scheduler_addresses());
    let image_store = said(&options.image_store, config.image_store_addresses());
    if scheduler.is_empty() {
        return Err("no other machine reaches this scheduler: set [scheduler] listen, 0.0.0.0:8774 for instance, and say by [scheduler] advertise or \
                    --scheduler where that is, 10.0.0.1:8774 for instance"
            .into());
    }
    if image_store.is_empty() && options.part == Joining::Host {
        return Err("no other host reaches the image store: set [image_store] listen, 0.0.0.0:8775 for instance, and say by [image_store] advertise \
                    or --image-store where that is, 10.0.0.1:8775 for instance"
            .into());
    }
    let (kind, command) = match options.part {
        Joining::Host => ("host", "agent"),
        Joining::Gateway => ("gateway", "gateway"),
        Joining::ImageStore => ("image-store", "image-store"),
    };
    let request = CreateJoinTokenRequest {
        kind: kind.into(),
        name: options.name.clone().unwrap_or_default(),
        lifetime_seconds: options.expires.as_secs(),
    };
    let made = operator::call(&config.sockets().operator, operator::connect(config).create_join_token(request)).await?;
    let token = Token { kind: kind.into(), scheduler, image_store, authority: hex(&made.authority_fingerprint), secret: made.secret };
    let made = Made { token: token.to_string(), expires: output::time(made.expires) };
    match output {
        Output::Json => output::json(&made),
        Output::Table => {
            output::progress(&format!("good once, until {}; on the other machine: freehold {command} --join TOKEN", made.expires));
            output::line(&made.token)
        }
    }
}

fn said(given: &[String], configured: Vec<String>) -> Vec<String> {
    if given.is_empty() { configured } else { given.to_vec() }
}
