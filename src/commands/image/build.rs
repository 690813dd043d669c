//! `freehold image build`: a working folder beside the data or the output file, a builder, then an AMI or the file.

use std::path::Path;

use freehold_image_store::build::{self, Plan, debian, tiny};
use freehold_image_store::import::Format;
use freehold_proto::clock::{Clock, SystemClock};

use super::ami;
use super::arguments::{Build, Target};
use crate::Failure;
use crate::cli::Output;
use crate::config::Config;
use crate::output;

pub async fn run(config: &Config, output: Output, command: Build) -> Result<(), Failure> {
    let (image, target) = match command {
        Build::Debian { suite, target } => (Image::Debian(debian_suite(suite)?), target),
        Build::Tiny(target) => (Image::Tiny, target),
    };
    let name = match &target.name {
        Some(name) => name.clone(),
        None => format!("{}-{}", image.name(), stamp()),
    };
    if target.output_file.is_none() {
        ami::check(config, &name, &target.ami).await?;
    }
    let place = match &target.output_file {
        Some(file) => std::path::absolute(file)?.parent().unwrap_or(Path::new("/")).to_path_buf(),
        None => config.data_dir().to_path_buf(),
    };
    std::fs::create_dir_all(&place)?;
    let work = tempfile::Builder::new().prefix(".freehold-build-").tempdir_in(&place)?;
    let disk = work.path().join("disk.raw");
    image.build(&target, work.path(), &disk).await?;
    match target.output_file {
        Some(file) => {
            std::fs::rename(&disk, &file)?;
            output::line(&file.display().to_string())
        }
        None => ami::make(config, output, name, target.ami, &disk, Format::Raw).await,
    }
}

/// What can be built.
enum Image {
    Debian(String),
    Tiny,
}

impl Image {
    fn name(&self) -> String {
        match self {
            Self::Debian(suite) => format!("debian-{suite}"),
            Self::Tiny => "tiny".to_owned(),
        }
    }

    async fn build(&self, target: &Target, work: &Path, disk: &Path) -> Result<(), build::Error> {
        let plan = |default| Plan {
            disk: disk.to_path_buf(),
            size_bytes: target.size.unwrap_or(default),
            work,
            cache: &target.cache,
            report: &output::progress,
        };
        match self {
            Self::Debian(suite) => debian::build(&plan(debian::DEFAULT_SIZE_BYTES), suite).await,
            Self::Tiny => tiny::build(&plan(tiny::DEFAULT_SIZE_BYTES)).await,
        }
    }
}

fn debian_suite(given: Option<String>) -> Result<String, Failure> {
    given.or_else(debian::host_suite).ok_or_else(|| "this host is not a Debian: say which release with --suite".into())
}

/// `20260102-030405`, as names of AMIs carry it.
fn stamp() -> String {
    let time = output::time(Some(SystemClock.now().into()));
    time.replace(['-', ':', 'Z'], "").replace('T', "-")
}
