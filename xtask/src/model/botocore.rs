//! AWS's official service model: botocore's `service-2.json`, taken from PyPI at a pinned version and checksum, kept under `target/`.
//!
//! Only names, types and constraints are read; the documentation in it is AWS's prose and stays there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Failure;

pub const VERSION: &str = "1.43.11";
const SHA256: &str = "0108b5604df5a26918936c845e1e761866ee9ea8d1c1f9358ed3c69afdc37436";

/// Unpacks one service's model from a wheel (a zip file) to standard output.
const UNPACK: &str = "import gzip, sys, zipfile
sys.stdout.buffer.write(gzip.decompress(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])))";

#[derive(Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub protocol: String,
    pub xml_namespace: String,
}

#[derive(Deserialize)]
pub struct Operation {
    pub input: Option<Target>,
    pub output: Option<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub shape: String,
    pub result_wrapper: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "in_order")]
    pub members: Vec<(String, Member)>,
    pub member: Option<Member>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default, rename = "enum")]
    pub words: Vec<String>,
    #[serde(default)]
    pub flattened: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub shape: String,
    pub location_name: Option<String>,
    pub query_name: Option<String>,
}

/// Members in the order they are written: XML elements follow it.
fn in_order<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Member)>, D::Error> {
    struct Entries;
    impl<'de> serde::de::Visitor<'de> for Entries {
        type Value = Vec<(String, Member)>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object of members")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(entry) = map.next_entry()? {
                members.push(entry);
            }
            Ok(members)
        }
    }
    deserializer.deserialize_map(Entries)
}

/// The model of one service (`ec2`) at its API version, from the cache or from PyPI.
pub fn load(cache: &Path, python: &str, service: &str, api_version: &str) -> Result<Model, Failure> {
    let wheel = wheel(cache, python)?;
    let member = format!("botocore/data/{service}/{api_version}/service-2.json.gz");
    let output = Command::new(python)
        .args(["-c", UNPACK])
        .arg(&wheel)
        .arg(&member)
        .output()
        .map_err(|error| format!("{python} can not be started: {error}. Install python3, or say which one with --python."))?;
    if !output.status.success() {
        return Err(format!("{member} can not be read from {}: {}", wheel.display(), String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The verified wheel. One that does not verify is removed, so that the next run fetches it again.
fn wheel(cache: &Path, python: &str) -> Result<PathBuf, Failure> {
    let wheel = cache.join(format!("botocore-{VERSION}-py3-none-any.whl"));
    if !wheel.exists() {
        download(cache, python)?;
    }
    let found = hex(&Sha256::digest(std::fs::read(&wheel)?));
    if found != SHA256 {
        std::fs::remove_file(&wheel)?;
        return Err(format!(
            "botocore {VERSION} has SHA-256 {found}, but {SHA256} is pinned. It was removed; run the command again, and if it repeats, distrust the package index."
        )
        .into());
    }
    Ok(wheel)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn download(cache: &Path, python: &str) -> Result<(), Failure> {
    std::fs::create_dir_all(cache)?;
    let status = Command::new(python)
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(cache)
        .arg(format!("botocore=={VERSION}"))
        .status()
        .map_err(|error| format!("{python} can not be started: {error}. Install python3 with pip, or say which one with --python."))?;
    if !status.success() {
        return Err(format!(
            "pip could not fetch botocore {VERSION}. Check that `{python} -m pip --version` works and that its package index answers, or put botocore-{VERSION}-py3-none-any.whl into {} by hand.",
            cache.display()
        )
        .into());
    }
    Ok(())
}
