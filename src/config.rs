//! The one configuration file, `/etc/freehold/freehold.toml`: a table per part, unknown keys refused, every key with a default.
//!
//! Owns what the parts share (folders, region) and fills it into each part's own `Config`, so that a part reads neither the environment nor
//! a file of its own. What a key means stands in the part's `Config`.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use crate::Failure;
use crate::cli::Global;

const DEFAULT_FILE: &str = "/etc/freehold/freehold.toml";

/// The whole configuration, validated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(skip)]
    file: Option<PathBuf>,
    /// Databases, blocks, guests' disks.
    data_dir: PathBuf,
    /// Sockets and pid files; may vanish with a reboot.
    run_dir: PathBuf,
    /// Logs of the parts that `freehold up` starts itself.
    log_dir: PathBuf,
    /// The one region of this cloud: a name on AWS's own list, since clients accept no other.
    region: String,
    pub gateway: freehold_api_gateway::Config,
    pub scheduler: freehold_scheduler::Config,
    pub image_store: freehold_image_store::Config,
    pub agent: freehold_node_agent::Config,
}

/// Where a cloud keeps what it has on a machine. Two clouds on one machine differ in all three.
#[derive(Clone, Debug)]
pub struct Folders {
    pub run_dir: PathBuf,
    pub log_dir: PathBuf,
}

/// The sockets between the parts of one host.
pub struct Sockets {
    /// AWS actions and identity, for the gateway.
    pub scheduler: PathBuf,
    /// For agents.
    pub hosts: PathBuf,
    /// For this command line.
    pub operator: PathBuf,
    pub images: PathBuf,
}

impl Config {
    /// What is in force, as a file would say it.
    pub fn table(global: &Global) -> Result<Table, Failure> {
        let (text, _) = text(global)?;
        effective(&text, global)
    }

    /// Reads the file that the command line names, or the usual one if there is one, and lays the command line's folders over it.
    pub fn load(global: &Global) -> Result<Self, Failure> {
        let (text, file) = text(global)?;
        let place = || file.as_deref().unwrap_or(Path::new(DEFAULT_FILE)).display();
        let mut config = Self::parse(&text, global).map_err(|error| format!("{}: {error}", place()))?;
        config.file = file;
        Ok(config)
    }

    fn parse(text: &str, global: &Global) -> Result<Self, Failure> {
        let config: Self = effective(text, global)?.try_into()?;
        config.gateway.validate()?;
        Ok(config)
    }

    pub fn folders(&self) -> Folders {
        Folders { run_dir: self.run_dir.clone(), log_dir: self.log_dir.clone() }
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub fn sockets(&self) -> Sockets {
        let socket = |name: &str| self.run_dir.join(name);
        Sockets {
            scheduler: socket("scheduler.sock"),
            hosts: socket("hosts.sock"),
            operator: socket("operator.sock"),
            images: socket("images.sock"),
        }
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where this machine itself reaches the API.
    pub fn api_address(&self) -> SocketAddr {
        let listen = self.gateway.listen;
        let address = match listen.ip() {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            address => address,
        };
        SocketAddr::new(address, listen.port())
    }

    /// Where parts on other hosts reach the scheduler; empty if it opens no door to them.
    pub fn scheduler_addresses(&self) -> Vec<String> {
        advertised(&self.scheduler.advertise, self.scheduler.listen)
    }

    /// Where they, and this host if the image store runs elsewhere, reach the image store.
    pub fn image_store_addresses(&self) -> Vec<String> {
        advertised(&self.image_store.advertise, self.image_store.listen)
    }

    /// Where clients reach the API: by the first name that it has, else by the address that it listens on.
    pub fn endpoint_url(&self) -> String {
        let listen = self.gateway.listen;
        let at = match self.gateway.names.first() {
            Some(name) => match name.parse::<IpAddr>() {
                Ok(address) => SocketAddr::new(address, listen.port()).to_string(),
                Err(_) => format!("{name}:{}", listen.port()),
            },
            None => self.api_address().to_string(),
        };
        format!("{}://{at}", if self.gateway.is_https() { "https" } else { "http" })
    }

    /// Whether nothing on the command line makes this another cloud than the one that the machine's units start.
    pub fn is_the_installed_one(&self) -> bool {
        self.file.is_none() && self.run_dir == Path::new("/run/freehold") && self.data_dir == Path::new("/var/lib/freehold")
    }

    /// The command line under which a process of its own reads this very configuration.
    pub fn arguments(&self) -> Vec<OsString> {
        let file = self.file.iter().map(|file| ("--config", file));
        let folders = [("--data-dir", &self.data_dir), ("--run-dir", &self.run_dir), ("--log-dir", &self.log_dir)];
        file.chain(folders).flat_map(|(name, value)| [name.into(), value.into()]).collect()
    }
}

fn advertised(said: &[String], listen: Option<SocketAddr>) -> Vec<String> {
    let listen = listen.filter(|listen| !listen.ip().is_unspecified()).map(|listen| listen.to_string());
    if said.is_empty() { listen.into_iter().collect() } else { said.to_vec() }
}

/// What the file says, the command line's folders over it, and what follows from both in the tables of the parts.
fn effective(text: &str, global: &Global) -> Result<Table, Failure> {
    let mut table: Table = text.parse()?;
    for (key, given, default) in [
        ("data_dir", &global.data_dir, "/var/lib/freehold"),
        ("run_dir", &global.run_dir, "/run/freehold"),
        ("log_dir", &global.log_dir, "/var/log/freehold"),
    ] {
        if let Some(given) = given {
            table.insert(key.into(), text_of(&std::path::absolute(given)?)?);
        }
        table.entry(key).or_insert_with(|| default.into());
    }
    table.entry("region").or_insert_with(|| "us-east-1".into());
    for (part, key, value) in shared(&table)? {
        let section = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(section) = section else { return Err(format!("`{part}` must be a table").into()) };
        section.entry(key).or_insert(value);
    }
    Ok(table)
}

/// What the parts share, unless the file says otherwise: (part, key, value).
fn shared(table: &Table) -> Result<Vec<(&'static str, &'static str, Value)>, Failure> {
    let folder = |key: &str| match table.get(key) {
        Some(Value::String(folder)) if Path::new(folder).is_absolute() => Ok(PathBuf::from(folder)),
        _ => Err(format!("`{key}` must be an absolute path")),
    };
    let (data, run) = (folder("data_dir")?, folder("run_dir")?);
    let Some(Value::String(region)) = table.get("region") else { return Err("`region` must be a name".into()) };
    let (region, zone) = (Value::from(region.as_str()), format!("{region}a"));
    Ok(vec![
        ("gateway", "region", region.clone()),
        ("scheduler", "region", region),
        ("scheduler", "data", text_of(&data.join("scheduler"))?),
        ("image_store", "folder", text_of(&data.join("images"))?),
        ("agent", "state_folder", text_of(&data.join("agent"))?),
        ("agent", "hosts_socket", text_of(&run.join("hosts.sock"))?),
        ("agent", "images_socket", text_of(&run.join("images.sock"))?),
        ("agent", "availability_zone", zone.into()),
    ])
}

fn text_of(path: &Path) -> Result<Value, Failure> {
    path.to_str().map(Into::into).ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}

/// The file's text, and the file if the command line names it.
fn text(global: &Global) -> Result<(String, Option<PathBuf>), Failure> {
    let file = global.config.as_deref().map(std::path::absolute).transpose()?;
    let named = file.as_deref().or_else(|| Some(Path::new(DEFAULT_FILE)).filter(|usual| usual.exists()));
    let text = match named {
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => String::new(),
    };
    Ok((text, file))
}
