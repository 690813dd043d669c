//! `freehold image ls` and `freehold image deregister`.

use freehold_proto::internal::operator::{DeregisterImageRequest, Image, ListImagesRequest};
use serde::Serialize;

use crate::Failure;
use crate::cli::Output;
use crate::config::Config;
use crate::operator;
use crate::output::{self, Row};

/// One AMI, as listed.
#[derive(Serialize)]
struct Listed {
    image_id: String,
    name: String,
    account_id: String,
    public: bool,
    architecture: String,
    snapshot_id: String,
    size_bytes: u64,
    created: String,
    manifest: String,
}

impl From<Image> for Listed {
    fn from(image: Image) -> Self {
        Self {
            image_id: image.image_id,
            name: image.name,
            account_id: image.account_id,
            public: image.public,
            architecture: image.architecture,
            snapshot_id: image.snapshot_id,
            size_bytes: image.size_bytes,
            created: output::time(image.created),
            manifest: image.manifest,
        }
    }
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] = &["IMAGE", "NAME", "ACCOUNT", "PUBLIC", "ARCHITECTURE", "SIZE MIB", "CREATED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.image_id.clone(),
            self.name.clone(),
            self.account_id.clone(),
            if self.public { "yes".into() } else { "no".into() },
            self.architecture.clone(),
            self.size_bytes.div_ceil(1 << 20).to_string(),
            self.created.clone(),
        ]
    }
}

pub async fn run(config: &Config, output: Output) -> Result<(), Failure> {
    let socket = config.sockets().operator;
    let answer = operator::call(&socket, operator::connect(config).list_images(ListImagesRequest {})).await?;
    let rows: Vec<Listed> = answer.images.into_iter().map(Listed::from).collect();
    output::rows(output, &rows)
}

pub async fn deregister(config: &Config, image_id: String) -> Result<(), Failure> {
    let socket = config.sockets().operator;
    let request = DeregisterImageRequest { image_id: image_id.clone() };
    operator::call(&socket, operator::connect(config).deregister_image(request)).await?;
    output::progress(&format!("{image_id} is gone"));
    Ok(())
}
