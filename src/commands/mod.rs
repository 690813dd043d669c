//! One file per command.

mod access_key;
mod account;
mod agent;
mod backup;
mod confirm;
mod control_plane;
mod down;
mod host;
mod host_token;
pub mod image;
mod net;
mod part;
mod pool;
mod status;
mod up;
mod why;

use std::process::ExitCode;

use crate::Failure;
use crate::cli::{Arguments, Command, Global};
use crate::config::Config;
use crate::output;
use crate::part::Part;
use crate::pidfile::{self, Claim};

/// Runs one command line to its end.
pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { global, command } = arguments;
    if global.detached {
        // Fails only where this process leads its session already, which is what is wanted.
        let _ = nix::unistd::setsid();
    }
    if let Command::Version = command {
        output::line(concat!("freehold ", env!("CARGO_PKG_VERSION")))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Image(command) = &command
        && let Some(code) = image::read_confined(command)
    {
        return Ok(code);
    }
    if let Command::LaunchGuest { spec } = &command {
        // Before there is a second thread: this process changes its namespace and its user.
        match freehold_node_agent::launch::launch(spec)? {}
    }
    let config = Config::load(&global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        freehold_link::telemetry::init();
        dispatch(&config, &global, command).await
    });
    // What still blocks in a file or a signal must not keep the process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}

async fn dispatch(config: &Config, global: &Global, command: Command) -> Result<ExitCode, Failure> {
    let output = global.output;
    match command {
        Command::Up(options) => up::run(config, &options).await,
        Command::Down(options) => down::run(config, &options).await,
        Command::Status => return status::run(config, output).await,
        Command::Account(command) => account::run(config, output, command).await,
        Command::Host(command) => host::run(config, output, command).await,
        Command::Part(command) => part::run(config, output, command).await,
        Command::Why { subject } => why::run(config, output, subject).await,
        Command::Net(command) => return net::run(config, output, command).await,
        Command::Image(command) => image::run(config, output, command).await,
        Command::Backup { file } => backup::write(config, &file).await,
        Command::Restore { file } => backup::restore(config, &file).await,
        Command::Config => output::line(toml::to_string_pretty(&in_force(global)?)?.trim_end()),
        Command::Version | Command::LaunchGuest { .. } => Ok(()),
        Command::Gateway(join) => control_plane::gateway(config, &join).await,
        Command::Scheduler => control_plane::scheduler(config).await,
        Command::ImageStore(join) => control_plane::image_store(config, &join).await,
        Command::ControlPlane => control_plane::all(config).await,
        Command::Agent(join) => agent::run(config, &join).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The configuration as it may be shown: without the database's password.
fn in_force(global: &Global) -> Result<toml::Table, Failure> {
    let mut table = Config::table(global)?;
    let database = table.get_mut("scheduler").and_then(|scheduler| scheduler.get_mut("database"));
    if let Some(toml::Value::String(url)) = database {
        *url = freehold_scheduler::store::without_password(url);
    }
    Ok(table)
}

/// Makes this process the one of its kind in this cloud.
fn claim(config: &Config, part: Part) -> Result<Claim, Failure> {
    let path = part.pid_file(&config.folders());
    pidfile::claim(&path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .ok_or_else(|| format!("another {} of this cloud runs, see {}", part.name(), path.display()).into())
}
