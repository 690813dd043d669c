//! The AWS CLI's own files: writes one profile, touches nothing else.
//!
//! `config` gets region and endpoint, `credentials` gets the key. Other profiles, comments, order and spacing stay byte for byte. A file is
//! replaced atomically, with mode 0600, and belongs to whom its folder belongs to, so that `sudo freehold up` serves the person who typed it.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a client needs to speak to this cloud.
pub struct Profile<'a> {
    pub name: &'a str,
    pub endpoint_url: &'a str,
    pub region: &'a str,
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
    /// The file with the authority's certificate, where the endpoint is HTTPS.
    pub ca_bundle: Option<&'a Path>,
}

/// Where the AWS CLI of the person at the keyboard looks.
#[derive(Debug)]
pub struct Files {
    pub config: PathBuf,
    pub credentials: PathBuf,
}

impl Files {
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` win; then the home of whoever called `sudo`; then `HOME`.
    pub fn locate() -> io::Result<Self> {
        let folder = home()?.join(".aws");
        let named = |variable: &str, file: &str| env::var_os(variable).map_or_else(|| folder.join(file), PathBuf::from);
        Ok(Self { config: named("AWS_CONFIG_FILE", "config"), credentials: named("AWS_SHARED_CREDENTIALS_FILE", "credentials") })
    }

    /// The key id of a profile that is there with this endpoint.
    pub fn access_key_id(&self, name: &str, endpoint_url: &str) -> io::Result<Option<String>> {
        let found = value(&read(&self.config)?, &config_section(name), "endpoint_url");
        let key = value(&read(&self.credentials)?, name, "aws_access_key_id");
        Ok(key.filter(|_| found.as_deref() == Some(endpoint_url)))
    }

    /// Where the authority's certificate of a profile lies: beside the profile, since whoever reads one must read the other.
    fn authority(&self, name: &str) -> PathBuf {
        self.config.with_file_name(format!("{name}-ca.pem"))
    }

    pub fn write_authority(&self, name: &str, pem: &str) -> io::Result<PathBuf> {
        let path = self.authority(name);
        replace(&path, pem)?;
        Ok(path)
    }

    /// Whether the profile believes this authority.
    pub fn believes(&self, name: &str, pem: &str) -> io::Result<bool> {
        let path = self.authority(name);
        let named = value(&read(&self.config)?, &config_section(name), "ca_bundle");
        Ok(named.as_deref() == path.to_str() && read(&path)? == pem)
    }

    pub fn write(&self, profile: &Profile<'_>) -> io::Result<()> {
        let credentials = [("aws_access_key_id", profile.access_key_id), ("aws_secret_access_key", profile.secret_access_key)];
        let mut config = vec![("region", profile.region), ("endpoint_url", profile.endpoint_url)];
        let ca_bundle =
            profile.ca_bundle.map(|path| path.to_str().ok_or_else(|| io::Error::other("the folder of the AWS profile is not UTF-8")));
        if let Some(path) = ca_bundle.transpose()? {
            config.push(("ca_bundle", path));
        }
        replace(&self.credentials, &set_section(&read(&self.credentials)?, profile.name, &credentials))?;
        replace(&self.config, &set_section(&read(&self.config)?, &config_section(profile.name), &config))
    }
}

fn home() -> io::Result<PathBuf> {
    let by_sudo = env::var("SUDO_USER").ok().filter(|_| nix::unistd::Uid::effective().is_root());
    if let Some(user) = by_sudo.as_deref().filter(|user| *user != "root")
        && let Some(entry) = nix::unistd::User::from_name(user)?
    {
        return Ok(entry.dir);
    }
    env::var_os("HOME").map(PathBuf::from).ok_or_else(|| io::Error::other("HOME is not set, so there is no place for the AWS profile"))
}

/// The AWS CLI writes `[profile x]` in `config` and `[x]` in `credentials`.
fn config_section(name: &str) -> String {
    if name == "default" { name.to_owned() } else { format!("profile {name}") }
}

fn read(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        Ok(text) => Ok(text),
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link (dotfiles kept elsewhere) stays one: what it points to is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder)?;
    let scratch = folder.join(format!(".freehold-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&scratch)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| give_to_owner_of(folder, &file)).and_then(|()| file.sync_all());
    written.and_then(|()| std::fs::rename(&scratch, &path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&scratch);
    })
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("/"));
    make_folder(parent)?;
    std::fs::create_dir(folder)?;
    give_to_owner_of(parent, &File::open(folder)?)
}

fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    let owner = std::fs::metadata(folder)?;
    if file.metadata()?.uid() == owner.uid() {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// `[name]` of a line, without the brackets.
fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    line.strip_prefix('[')?.split_once(']').map(|(name, _)| name.trim())
}

/// `key` of `key = value`; comments and continuation lines have none.
fn key(line: &str) -> Option<&str> {
    if line.starts_with([' ', '\t', '#', ';']) {
        return None;
    }
    line.split_once('=').map(|(key, _)| key.trim())
}

fn value(text: &str, section: &str, wanted: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines() {
        if let Some(name) = header(line) {
            inside = name == section;
        } else if inside && key(line) == Some(wanted) {
            return line.split_once('=').map(|(_, value)| value.trim().to_owned());
        }
    }
    None
}

/// The text with these keys set in that section. Keys that are there change in place; new ones follow the section's head; a section that is
/// not there is appended.
fn set_section(text: &str, section: &str, pairs: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(head) = lines.iter().position(|line| header(line) == Some(section)) else {
        if lines.last().is_some_and(|line| !line.is_empty()) {
            lines.push(String::new());
        }
        lines.push(format!("[{section}]"));
        lines.extend(pairs.iter().map(|(key, value)| format!("{key} = {value}")));
        return lines.join("\n") + "\n";
    };
    let end = lines[head + 1..].iter().position(|line| header(line).is_some()).map_or(lines.len(), |at| head + 1 + at);
    let mut missing = Vec::new();
    for (wanted, value) in pairs {
        let line = format!("{wanted} = {value}");
        match lines[head + 1..end].iter().position(|line| key(line) == Some(wanted)) {
            Some(at) => lines[head + 1 + at] = line,
            None => missing.push(line),
        }
    }
    let tail = lines.split_off(head + 1);
    lines.extend(missing.into_iter().chain(tail));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const OTHERS: &str =
        "# mine\n[default]\nregion = eu-west-1\n\n[profile work]\nsso_session = x\n; kept\ns3 =\n  addressing_style = path\n";

    #[test]
    fn a_new_section_is_appended_and_the_rest_stays() {
        let text = set_section(OTHERS, "profile freehold", &[("region", "us-east-1")]);
        assert_eq!(text, format!("{OTHERS}\n[profile freehold]\nregion = us-east-1\n"));
        assert_eq!(set_section("", "freehold", &[("a", "b")]), "[freehold]\na = b\n");
    }

    #[test]
    fn a_section_that_is_there_changes_in_place_and_only_in_our_keys() {
        let before = format!("[profile freehold]\noutput = json\nregion = old\n# note\n{OTHERS}");
        let after = set_section(&before, "profile freehold", &[("region", "new"), ("endpoint_url", "http://x")]);
        assert_eq!(after, format!("[profile freehold]\nendpoint_url = http://x\noutput = json\nregion = new\n# note\n{OTHERS}"));
        assert_eq!(set_section(&after, "profile freehold", &[("region", "new"), ("endpoint_url", "http://x")]), after);
    }

    #[test]
    fn a_key_of_the_same_name_in_a_nested_block_is_not_ours() {
        let before = "[profile freehold]\ns3 =\n  region = nested\n";
        let after = set_section(before, "profile freehold", &[("region", "r")]);
        assert_eq!(after, "[profile freehold]\nregion = r\ns3 =\n  region = nested\n");
    }

    #[test]
    fn files_are_private_and_what_was_written_is_found_again() {
        let folder = tempfile::tempdir().expect("tempdir");
        let files = Files { config: folder.path().join("a/.aws/config"), credentials: folder.path().join("a/.aws/credentials") };
        let found = |endpoint_url| files.access_key_id("freehold", endpoint_url).expect("read");
        assert_eq!(found("http://127.0.0.1:1"), None);
        let profile = Profile {
            name: "freehold",
            endpoint_url: "http://127.0.0.1:1",
            region: "us-east-1",
            access_key_id: "AKIA",
            secret_access_key: "secret",
            ca_bundle: None,
        };
        files.write(&profile).expect("write");
        assert_eq!(found("http://127.0.0.1:1").as_deref(), Some("AKIA"));
        assert_eq!(found("http://127.0.0.1:2"), None);
        for path in [&files.config, &files.credentials] {
            assert_eq!(std::fs::metadata(path).expect("stat").permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path().join("a/.aws")).expect("list").count(), 2, "no scratch file stays");
    }
}
