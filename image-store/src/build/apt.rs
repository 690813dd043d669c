//! Debian packages through the host's own apt configuration, without touching the host's state.
//!
//! Sources, proxies, keys and credentials are the host's. Lists, downloads and the record of what is installed (nothing) are private, in the
//! cache folder, which one build uses at a time. So a package's dependencies are what a machine that has nothing would need.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tool::{self, Run, Tool};
use super::{Error, Report};

const ARCHITECTURE: &str = "amd64";
const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const QUERY: Duration = Duration::from_mins(2);
const NETWORK: Duration = Duration::from_mins(20);

/// The host's settings come first, then these. Hooks of the host are not run: they look after the host's own lists.
const CONFIGURATION: &str = "\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Acquire::Languages \"none\";
Acquire::Retries \"3\";
APT::Sandbox::User \"root\";
APT::Install-Recommends \"false\";
";

pub struct Apt {
    settings: PathBuf,
    downloads: PathBuf,
    _lock: File,
}

impl Apt {
    /// Takes the cache folder, waiting for another build that has it, and fetches the lists.
    pub async fn open(cache: &Path, report: &Report<'_>) -> Result<Self, Error> {
        let lock = lock(cache, report)?;
        let folder = cache.join("apt");
        let downloads = cache.join("packages");
        for needed in [folder.join("lists/partial"), folder.join("archives/partial"), downloads.clone()] {
            fs::create_dir_all(&needed).map_err(Error::io(format!("making {}", needed.display())))?;
        }
        let settings = folder.join("apt.conf");
        fs::write(folder.join("status"), "")
            .and_then(|()| fs::write(&settings, own_settings(&folder)))
            .map_err(Error::io("writing apt.conf"))?;
        let apt = Self { settings, downloads, _lock: lock };
        report("fetching the lists of packages");
        apt.run(&tool::APT_GET, NETWORK)?.args(["-q", "update"]).done().await?;
        Ok(apt)
    }

    /// These packages and all they depend on, as `name=version`.
    pub async fn with_dependencies(&self, packages: &[&str]) -> Result<Vec<String>, Error> {
        let plan = self.run(&tool::APT_GET, QUERY)?.args(["-s", "-y", "install"]).args(packages).text().await?;
        let chosen: Vec<String> = plan.lines().filter_map(planned).collect();
        if chosen.is_empty() { Err(Error::Unexpected(format!("apt would install nothing for {}", packages.join(" ")))) } else { Ok(chosen) }
    }

    /// The package that a metapackage stands for: the first one in its `Depends` whose name starts with `prefix`.
    pub async fn behind(&self, metapackage: &str, prefix: &str) -> Result<String, Error> {
        let record = self.run(&tool::APT_CACHE, QUERY)?.args(["show", "--no-all-versions", metapackage]).text().await?;
        let depends = record.lines().find_map(|line| line.strip_prefix("Depends: ")).unwrap_or_default();
        let named = depends.split([',', '|']).filter_map(|part| part.split_whitespace().next()).find(|name| name.starts_with(prefix));
        named.map(str::to_owned).ok_or_else(|| Error::Unexpected(format!("{metapackage} depends on no package named {prefix}…")))
    }

    /// Downloads what is not in the cache yet; the files, verified by apt, in the order asked for.
    pub async fn download(&self, packages: &[String]) -> Result<Vec<PathBuf>, Error> {
        let listed = self.run(&tool::APT_GET, QUERY)?.args(["-q", "--print-uris", "download"]).args(packages).text().await?;
        self.run(&tool::APT_GET, NETWORK)?.folder(&self.downloads).args(["-q", "download"]).args(packages).done().await?;
        let files: Vec<PathBuf> = listed.lines().filter_map(file_name).map(|name| self.downloads.join(name)).collect();
        match files.iter().find(|file| !file.is_file()) {
            Some(missing) => Err(Error::Unexpected(format!("apt did not download {}", missing.display()))),
            None if files.is_empty() => Err(Error::Unexpected(format!("apt knows no file of {}", packages.join(" ")))),
            None => Ok(files),
        }
    }

    /// The host's Debian sources, one line each, for the release `suite` where the host has `host`. Sources of other origins are left out.
    pub async fn debian_sources(&self, host: &str, suite: &str) -> Result<String, Error> {
        let format = "$(ORIGIN)|$(CREATED_BY)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)|$(SIGNED_BY)";
        let listed = self.run(&tool::APT_GET, QUERY)?.args(["indextargets", "--format", format]).text().await?;
        let lines: BTreeSet<String> = listed.lines().filter_map(|target| source_line(target, host, suite)).collect();
        if lines.is_empty() {
            return Err(Error::Unexpected(format!(
                "this host's apt sources have none of Debian's {host}; add them, or run apt-get update"
            )));
        }
        Ok(lines.into_iter().map(|line| line + "\n").collect())
    }

    /// How the host's apt reaches package hosts, as options for another apt: proxies and what concerns transfers.
    pub async fn host_options(&self) -> Result<Vec<String>, Error> {
        let settings = tool::APT_CONFIG.run(QUERY)?.arg("dump").text().await?;
        let transfers = ["Acquire::http", "Acquire::https", "Acquire::ftp", "Acquire::ForceIPv"];
        let mut options: Vec<String> =
            settings.lines().filter(|line| transfers.iter().any(|prefix| line.starts_with(prefix))).map(str::to_owned).collect();
        options.extend(["Acquire::Languages \"none\";", "Acquire::Retries \"3\";"].map(str::to_owned));
        Ok(options)
    }

    fn run(&self, tool: &'static Tool, limit: Duration) -> Result<Run, Error> {
        Ok(tool.run(limit)?.arg("-c").arg(&self.settings))
    }
}

/// Unpacks a package's files, without running any of its scripts.
pub async fn unpack(package: &Path, into: &Path) -> Result<(), Error> {
    tool::DPKG_DEB.run(Duration::from_mins(5))?.arg("-x").arg(package).arg(into).done().await
}

fn lock(cache: &Path, report: &Report<'_>) -> Result<File, Error> {
    let context = || Error::io(format!("locking {}", cache.display()));
    fs::create_dir_all(cache).map_err(context())?;
    let lock = File::create(cache.join("lock")).map_err(context())?;
    if lock.try_lock().is_err() {
        report("waiting for another build that uses the same cache");
        lock.lock().map_err(context())?;
    }
    Ok(lock)
}

fn own_settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "{CONFIGURATION}APT::Architecture \"{ARCHITECTURE}\";\nDir::State \"{folder}\";\nDir::State::lists \"{folder}/lists\";\n\
         Dir::State::status \"{folder}/status\";\nDir::State::extended_states \"{folder}/extended_states\";\nDir::Cache \"{folder}\";\n\
         Dir::Log \"{folder}\";\n"
    )
}

/// `Inst libc6 (2.36-9 Debian:12/stable [amd64])` is `libc6=2.36-9`.
fn planned(line: &str) -> Option<String> {
    let mut words = line.strip_prefix("Inst ")?.split_whitespace();
    let name = words.next()?;
    let version = words.find_map(|word| word.strip_prefix('('))?;
    Some(format!("{name}={version}"))
}

/// One index of packages as a line of sources. `None` for what is not Debian's, not of this release, or no list of binary packages.
fn source_line(target: &str, host: &str, suite: &str) -> Option<String> {
    let fields: Vec<&str> = target.split('|').collect();
    let [origin, created_by, uri, codename, component, signed_by] = fields.as_slice() else { return None };
    let part = codename.strip_prefix(host).filter(|part| part.is_empty() || part.starts_with('-'))?;
    // Older versions of apt do not tell the key; Debian's own keyring is on every Debian.
    let keyring = if signed_by.starts_with('/') { signed_by } else { DEBIAN_KEYRING };
    let wanted = *origin == "Debian" && *created_by == "Packages";
    wanted.then(|| format!("deb [signed-by={keyring}] {uri} {suite}{part} {component}"))
}

/// `'http://…/busybox.deb' busybox_1%3a1.35_amd64.deb 1234 SHA256:…`: the second word, where it is a plain file name.
fn file_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.next().filter(|uri| uri.starts_with('\''))?;
    words.next().filter(|name| !name.contains('/') && Path::new(name).extension().is_some_and(|extension| extension == "deb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apts_plan_is_read() {
        assert_eq!(planned("Inst libc6 (2.36-9+deb12u14 Debian:12.15/oldstable [amd64])").as_deref(), Some("libc6=2.36-9+deb12u14"));
        assert_eq!(planned("Conf libc6 (2.36-9 Debian:12 [amd64])"), None);
        assert_eq!(planned("Reading package lists..."), None);
    }

    #[test]
    fn only_debians_own_sources_are_taken_and_moved_to_the_release_wanted() {
        let line = |target: String| source_line(&target, "bookworm", "trixie");
        let uri = "http://mirror.test/debian/";
        assert_eq!(
            line(format!("Debian|Packages|{uri}|bookworm-security|main|$(SIGNED_BY)")).as_deref(),
            Some("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.test/debian/ trixie-security main")
        );
        assert!(
            line(format!("Debian|Packages|{uri}|bookworm|main|/etc/key.gpg")).is_some_and(|line| line.contains("[signed-by=/etc/key.gpg]"))
        );
        assert_eq!(line(format!("Other|Packages|{uri}|bookworm|main|")), None);
        assert_eq!(line(format!("Debian|DEP-11|{uri}|bookworm|main|")), None);
        assert_eq!(line(format!("Debian|Packages|{uri}|bookwormish|main|")), None);
    }

    #[test]
    fn only_a_plain_file_name_is_a_download() {
        assert_eq!(file_name("'http://host/a.deb' a_1%3a2_amd64.deb 12 SHA256:00"), Some("a_1%3a2_amd64.deb"));
        assert_eq!(file_name("'http://host/a.deb' ../a.deb 12 SHA256:00"), None);
        assert_eq!(file_name("Reading package lists..."), None);
    }
}
