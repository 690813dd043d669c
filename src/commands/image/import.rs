//! `freehold image import`.

use super::ami;
use super::arguments::Import;
use crate::Failure;
use crate::cli::Output;
use crate::config::Config;

pub async fn run(config: &Config, output: Output, import: Import) -> Result<(), Failure> {
    ami::check(config, &import.name, &import.ami).await?;
    ami::make(config, output, import.name, import.ami, &import.file, import.format.into()).await
}
