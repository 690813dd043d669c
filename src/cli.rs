//! The command line's shape and its help. What a command does is in `commands`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  freehold up                         start the cloud on this machine, write the AWS profile `freehold`
  freehold image build debian         make an AMI
  aws --profile freehold ec2 describe-images
  freehold status                     what runs, what is wrong, what to do
  freehold down                       stop the cloud; guests keep running unless told otherwise

Files (all can be changed in the configuration file):
  /etc/freehold/freehold.toml         configuration; none is needed
  /var/lib/freehold                   data
  /run/freehold                       sockets and pid files
  /var/log/freehold                   logs, where systemd does not keep them";

/// A self-hosted cloud that speaks Amazon EC2's API
#[derive(Parser)]
#[command(name = "freehold", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Configuration file [default: /etc/freehold/freehold.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keep data here instead of where the configuration says
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Keep sockets and pid files here instead of where the configuration says
    #[arg(long, global = true, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Keep logs here instead of where the configuration says
    #[arg(long, global = true, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// How to print answers
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Leave the session of whoever started this process (used by `up` for the processes it starts)
    #[arg(long, global = true, hide = true)]
    pub detached: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For scripts
    Json,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start the cloud on this machine, or say that it runs
    ///
    /// Starts the control plane and this host's agent, adopts an agent that already runs, waits until the API answers, and restarts what
    /// crashes. The first time it also creates an account with an access key and writes the profile `freehold` into the AWS CLI's files.
    Up(Up),
    /// Stop the control plane and the agent; guests keep running unless told otherwise
    Down(Down),
    /// What runs, what is wrong, since when, and what to do
    ///
    /// The exit code is 0 when all is well, 3 when something needs a hand, 4 when the cloud does not serve.
    Status,
    /// Accounts of this cloud
    #[command(subcommand)]
    Account(Account),
    /// Hosts of this cloud
    #[command(subcommand)]
    Host(Host),
    /// Parts of this cloud on other machines: gateways, image stores, hosts
    #[command(subcommand)]
    Part(Part),
    /// Why an instance is where it is, or why a request found no place
    ///
    /// Takes the id of an instance (i-…), of a reservation (r-…), or the request id of a RunInstances or StartInstances that was refused
    /// for InsufficientInstanceCapacity within the last day: clients print it with the error, and the audit log has it.
    Why {
        #[arg(value_name = "INSTANCE|RESERVATION|REQUEST-ID")]
        subject: String,
    },
    /// The network of hosts, and what a packet meets in it
    #[command(subcommand)]
    Net(Net),
    /// AMIs: import a disk image, build one, list them
    #[command(subcommand)]
    Image(crate::commands::image::Image),
    /// Write everything that the scheduler has into one file, also while it runs
    ///
    /// The file holds the store and the key that seals secrets, and is made with mode 0600: whoever can read it has the cloud. Blocks of
    /// images and guests' disks are not in it. A store in PostgreSQL is refused: `pg_dump` does that better.
    Backup { file: PathBuf },
    /// Put a backup in the place of the store; the scheduler must not run
    ///
    /// What is replaced is put aside, not taken away. Guests that the backup does not know are left as they are, quarantined and shown by
    /// `freehold host ls`; what was changed since the backup is changed back when the hosts attend again.
    Restore { file: PathBuf },
    /// Print the configuration in force, defaults included
    Config,
    /// Print the version
    Version,
    /// Run the AWS API alone
    Gateway(Join),
    /// Run the scheduler alone
    Scheduler,
    /// Run the image store alone
    ImageStore(Join),
    /// Run this host's agent alone
    Agent(JoinHost),
    /// Run gateway, scheduler and image store in one process, as `up` does
    #[command(hide = true)]
    ControlPlane,
    /// Become the guest that a specification describes; the agent calls this
    #[command(hide = true)]
    LaunchGuest { spec: std::path::PathBuf },
}

#[derive(Args)]
pub struct Up {
    /// Stay in the foreground and log to stderr; Ctrl-C stops what `down` stops
    #[arg(long)]
    pub foreground: bool,
    /// Do not write the AWS profile
    #[arg(long)]
    pub no_profile: bool,
}

#[derive(Args)]
pub struct Join {
    /// Become part of the cluster whose `freehold host token` printed this; `-` reads it from the standard input. Not needed again
    #[arg(long, value_name = "TOKEN")]
    pub join: Option<String>,
    /// What to be called in the cluster [default: this machine's name]
    #[arg(long, requires = "join")]
    pub name: Option<String>,
}

#[derive(Args)]
pub struct JoinHost {
    /// Become a host of the cluster whose `freehold host token` printed this; `-` reads it from the standard input. Not needed again
    #[arg(long, value_name = "TOKEN")]
    pub join: Option<String>,
}

#[derive(Args)]
pub struct Down {
    /// Stop the guests and remove their network as well; disks stay, and the next `up` starts the guests again
    #[arg(long)]
    pub guests: bool,
}

#[derive(Subcommand)]
pub enum Account {
    /// Create an account and its first access key; the secret is shown once
    Create {
        /// What to call it
        #[arg(long)]
        name: String,
        /// 12 digits [default: drawn at random]
        #[arg(long, value_name = "ID")]
        account_id: Option<String>,
        /// Also write the key as this profile into the AWS CLI's files
        #[arg(long, value_name = "PROFILE")]
        profile: Option<String>,
    },
    /// List accounts
    Ls,
    /// Access keys
    #[command(subcommand)]
    Key(Key),
}

#[derive(Subcommand)]
pub enum Key {
    /// Create another access key of an account; the secret is shown once
    Create { account_id: String },
    /// List access keys, without their secrets
    Ls {
        /// Of this account alone
        #[arg(long, value_name = "ID")]
        account_id: Option<String>,
    },
    /// Stop a key from working; when this returns, no gateway takes it any more
    Disable { access_key_id: String },
    /// Let a disabled key work again
    Enable { access_key_id: String },
    /// Disable a key for good and forget it
    Rm { access_key_id: String },
}

#[derive(Subcommand)]
pub enum Host {
    /// List hosts, with what is used of what may be promised of them
    Ls,
    /// Place nothing new on a host; what it has stays, and can be stopped and started
    Drain {
        /// Its id, or its name where only one has it
        host: String,
    },
    /// Place new instances on a host again
    Undrain { host: String },
    /// Forget a host that holds nothing and whose agent is stopped
    ///
    /// With --lost, gives up a host that will never return, or that is in wrong hands and still connected: its instances are terminated for Server.InternalError, their addresses are free
    /// again, and volumes that were to outlive them are shown in the state `error`. Should the host come back all the same it is not let in,
    /// and its guests run on until somebody ends them there: `freehold down --guests`, then remove the agent's state folder.
    Rm {
        host: String,
        /// The host will never return
        #[arg(long)]
        lost: bool,
        /// Do not ask; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
    },
    /// Guests that hosts keep and the store does not know
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Print a token that lets a part on another machine join, once
    Token(Token),
}

#[derive(Subcommand)]
pub enum Net {
    /// The network that a host should have: namespaces, interfaces, routes, network ACLs, groups
    ///
    /// Made of what the scheduler tells the host, by what its agent makes of it: it is known of a host that is away, too.
    Plan {
        /// Its id, or its name where only one has it
        host: String,
    },
    /// Which rule lets a packet pass, or stops it, there and back
    ///
    /// Computed from the plans of the hosts concerned; no packet is sent. The exit code is 0 if it passes and its answer does, 3 if not.
    Trace {
        /// An instance, a network interface or an address
        from: String,
        /// The same; an instance of another VPC is reached by its public address
        to: String,
        /// tcp, udp, icmp, or a number
        protocol: String,
        /// The destination's port, or the type of ICMP [default: an echo request]
        port: Option<u16>,
    },
    /// The pools that public addresses are drawn from
    #[command(subcommand)]
    Pool(Pool),
}

#[derive(Subcommand)]
pub enum Pool {
    /// List them, and how much of each is taken
    Ls,
    /// Add one
    ///
    /// Your network must route its addresses to the hosts that have them; where it does not, guests get out with --masquerade, and are reached from
    /// hosts and other guests alone.
    Add {
        cidr_block: String,
        /// Let what bears its addresses leave a host under the host's own address
        #[arg(long)]
        masquerade: bool,
    },
    /// Give out no more addresses of one; what it gave stays where it is
    Close {
        cidr_block: String,
        /// Give out addresses of it again
        #[arg(long)]
        reopen: bool,
    },
    /// Take one away of which nobody has an address
    Rm { cidr_block: String },
}

#[derive(Subcommand)]
pub enum Quarantine {
    /// List them
    Ls,
    /// Have a host destroy one, disk and all; it can not be had back
    Rm {
        host: String,
        #[arg(value_name = "GUEST")]
        instance_id: String,
        /// Do not ask; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Subcommand)]
pub enum Part {
    /// List the parts that have joined by a token, and when each got its newest certificate
    Ls,
    /// Take a gateway or an image store out of the cloud: it is refused from then on, and what it holds open ends
    ///
    /// It needs a new token to join again. Hosts go by `freehold host rm`.
    Rm {
        #[arg(value_enum)]
        kind: Removable,
        name: String,
        /// Do not ask; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Removable {
    Gateway,
    ImageStore,
}

#[derive(Args)]
pub struct Token {
    /// What may join with it
    #[arg(long = "for", value_enum, default_value_t = Joining::Host, value_name = "PART")]
    pub part: Joining,
    /// Only for the part of this name (a host's id), which may have joined before and lost its certificate
    #[arg(long)]
    pub name: Option<String>,
    /// How long it is good: 90s, 30m, 1h, 2d
    #[arg(long, default_value = "1h", value_parser = span, value_name = "TIME")]
    pub expires: Duration,
    /// Where the part reaches the scheduler [default: scheduler.advertise, or scheduler.listen]
    #[arg(long, value_name = "HOST:PORT")]
    pub scheduler: Vec<String>,
    /// Where a host reaches the image store [default: image_store.advertise, or image_store.listen]
    #[arg(long, value_name = "HOST:PORT")]
    pub image_store: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Joining {
    Host,
    Gateway,
    ImageStore,
}

/// `90s`, `30m`, `1h`, `2d`
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a time such as 90s, 30m, 1h or 2d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(super::span("90s"), Ok(std::time::Duration::from_secs(90)));
        assert_eq!(super::span("2d"), Ok(std::time::Duration::from_hours(48)));
        for wrong in ["", "h", "1", "1w", "-1h", "1.5h", "1é", "99999999999999999999d", "9999999999999999999d"] {
            assert!(super::span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
