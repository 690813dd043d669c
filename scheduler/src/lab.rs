//! For the tests of this crate: a whole scheduler on a real database, with a clock that the test moves, and agents that speak the real
//! stream to it. Nothing here decides; the scheduler under test is the product's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use freehold_link::tls::Peer;
use freehold_proto::aws::ec2;
use freehold_proto::clock::ManualClock;
use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::host::hosts_client::HostsClient;
use freehold_proto::internal::host::{
    Buried, Capacity, ConsoleOutput, ConsoleRequest, Driver, FromAgent, GuestState, Hello, InstanceDesired, InstanceObserved,
    InterfaceElsewhere, NatGatewayDesired, NatGatewayObserved, ObservedComplete, PowerState, SecurityGroupDesired, ToAgent, Tombstone,
    VpcDesired, from_agent, to_agent,
};
use freehold_proto::internal::operator::RegisterImageRequest;
use freehold_proto::{Action, Caller, ErrorCode, Fault};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::identity::account;
use crate::store::Store;
use crate::store::tests::Ground;
use crate::{Config, Scheduler};

pub const ALICE: &str = "111122223333";
pub const BOB: &str = "444455556666";

/// One scheduler in a folder of its own, two accounts, one public image of Alice's.
pub struct Lab {
    ground: Arc<Ground>,
    pub config: Config,
    pub clock: ManualClock,
    pub scheduler: Arc<Scheduler>,
    pub image_id: String,
}

impl Lab {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With another configuration than the default.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let ground = Arc::new(Ground::new().await);
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045));
        let mut config = ground.config();
        change(&mut config);
        let scheduler = Scheduler::open(config.clone(), Arc::new(clock.clone()), Arc::new(OsEntropy)).await.expect("a scheduler");
        for id in [ALICE, BOB] {
            account::create(scheduler.store(), id, "test").await.expect("an account");
        }
        let image = RegisterImageRequest {
            name: "tiny".into(),
            account_id: ALICE.into(),
            public: true,
            architecture: "x86_64".into(),
            root_device_name: "/dev/xvda".into(),
            manifest: "a".repeat(64),
            size_bytes: 2 << 30,
            ..RegisterImageRequest::default()
        };
        let image_id = crate::operator::register_image(scheduler.store(), image).await.expect("an image").image_id;
        Self { ground, config, clock, scheduler, image_id }
    }

    /// The process dies and another one opens the same store.
    pub async fn crash(self) -> Self {
        self.crash_and(async || ()).await
    }

    /// The process dies, something is done meanwhile, and another process opens the store and finds that the first one is gone.
    pub async fn crash_and(self, meanwhile: impl AsyncFnOnce()) -> Self {
        let Self { ground, config, clock, scheduler, image_id } = self;
        let dead = scheduler.engine().hosts.scheduler_id().to_owned();
        drop(scheduler);
        meanwhile().await;
        let scheduler = Scheduler::open(config.clone(), Arc::new(clock.clone()), Arc::new(OsEntropy)).await.expect("a scheduler");
        crate::schedulers::leave(scheduler.store(), &dead).await.expect("buried");
        Self { ground, config, clock, scheduler, image_id }
    }

    /// Another scheduler on the same store.
    pub async fn beside(&self) -> Self {
        let Self { ground, config, clock, image_id, .. } = self;
        let scheduler = Scheduler::open(config.clone(), Arc::new(clock.clone()), Arc::new(OsEntropy)).await.expect("a scheduler");
        Self { ground: Arc::clone(ground), config: config.clone(), clock: clock.clone(), scheduler, image_id: image_id.clone() }
    }

    pub fn store(&self) -> &Arc<Store> {
        self.scheduler.store()
    }

    /// What parts on other hosts speak to, as `peer` would.
    pub fn link(&self, peer: Peer) -> freehold_link::Service {
        let routes = freehold_link::unix::in_process(self.scheduler.link_routes());
        let routes = tower::ServiceExt::map_request(routes, move |mut request: http::Request<tonic::body::Body>| {
            request.extensions_mut().insert(peer.clone());
            request
        });
        tower::util::BoxCloneSyncService::new(routes)
    }

    pub async fn call<A: Action>(&self, account: &str, request: A) -> Result<A::Answer, Fault> {
        let caller = Caller {
            account_id: account.into(),
            principal_arn: crate::identity::root_arn(account),
            user_id: account.into(),
            request_id: "test".into(),
        };
        self.scheduler.call(request, caller).await
    }

    /// Alice's call that must succeed.
    pub async fn ok<A: Action>(&self, request: A) -> A::Answer {
        self.call(ALICE, request).await.expect(A::NAME)
    }

    /// The code of Alice's call that must fail.
    pub async fn code<A: Action>(&self, request: A) -> ErrorCode {
        self.call(ALICE, request).await.map(|_| ()).expect_err(A::NAME).code
    }

    /// What runs one t3.micro.
    pub fn launch(&self) -> ec2::RunInstancesRequest {
        ec2::RunInstancesRequest {
            image_id: Some(self.image_id.clone()),
            instance_type: Some("t3.micro".into()),
            min_count: 1,
            max_count: 1,
            ..ec2::RunInstancesRequest::default()
        }
    }

    /// Launches and answers the one instance.
    pub async fn run(&self, request: ec2::RunInstancesRequest) -> ec2::Instance {
        self.ok(request).await.instances.into_iter().next().expect("an instance")
    }

    pub async fn instance(&self, id: &str) -> ec2::Instance {
        let request = ec2::DescribeInstancesRequest { instance_ids: vec![id.into()], ..Default::default() };
        self.ok(request).await.reservations.into_iter().flat_map(|reservation| reservation.instances).next().expect("an instance")
    }

    pub async fn state(&self, id: &str) -> String {
        self.instance(id).await.state.and_then(|state| state.name).expect("a state")
    }

    pub async fn until_state(&self, id: &str, state: &str) {
        eventually(&format!("{id} is {state}"), async || self.state(id).await == state).await;
    }

    pub async fn stop(&self, id: &str) {
        self.ok(ec2::StopInstancesRequest { instance_ids: vec![id.into()], ..Default::default() }).await;
    }

    pub async fn start(&self, id: &str) {
        self.ok(ec2::StartInstancesRequest { instance_ids: vec![id.into()], ..Default::default() }).await;
    }

    pub async fn terminate(&self, id: &str) {
        self.ok(ec2::TerminateInstancesRequest { instance_ids: vec![id.into()], ..Default::default() }).await;
    }
}

/// Polls until it is so.
pub async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so().await {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What an agent was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub instances: BTreeMap<String, InstanceDesired>,
    pub vpcs: BTreeMap<String, VpcDesired>,
    pub groups: BTreeMap<String, SecurityGroupDesired>,
    pub nat_gateways: BTreeMap<String, NatGatewayDesired>,
    /// Those that are there.
    pub elsewhere: BTreeMap<String, InterfaceElsewhere>,
    /// Public addresses elsewhere, each with its host's tunnel address.
    pub public_elsewhere: BTreeMap<String, String>,
    /// Blocks of public addresses that nobody beyond the hosts knows.
    pub translated: BTreeSet<String>,
    /// How many statements there were of public addresses elsewhere.
    pub public_statements: usize,
    /// How many statements there were of VPCs, of groups and of interfaces elsewhere.
    pub statements: [usize; 3],
    pub tombstones: Vec<Tombstone>,
    /// By manifest.
    pub grants: BTreeMap<String, String>,
    /// What it was asked of consoles.
    pub questions: Vec<ConsoleRequest>,
    pub complete: bool,
    pub cluster_id: String,
    pub epoch: u64,
}

/// An agent that obeys at once, unless told to stay silent.
pub struct Agent {
    pub host_id: String,
    up: mpsc::Sender<FromAgent>,
    told: Arc<Mutex<Told>>,
    task: tokio::task::JoinHandle<()>,
}

pub fn hello(host_id: &str) -> Hello {
    Hello {
        host_id: host_id.into(),
        hostname: "lab".into(),
        availability_zone: "us-east-1a".into(),
        version: "test".into(),
        capacity: Some(Capacity { vcpus: 8, memory_mib: 16384, disk_mib: 100 << 10 }),
        drivers: vec![Driver { name: "simulated".into(), accelerator: "none".into(), architecture: "x86_64".into() }],
        ..Hello::default()
    }
}

impl Agent {
    /// A new host that obeys.
    pub async fn obedient(lab: &Lab) -> Self {
        Self::attend(lab, hello(HostId::draw(&OsEntropy).as_str()), true).await
    }

    /// A new host that does nothing by itself.
    pub async fn silent(lab: &Lab) -> Self {
        Self::attend(lab, hello(HostId::draw(&OsEntropy).as_str()), false).await
    }

    pub async fn attend(lab: &Lab, hello: Hello, obeys: bool) -> Self {
        Self::try_attend(lab, hello, obeys).await.expect("admitted")
    }

    pub async fn try_attend(lab: &Lab, hello: Hello, obeys: bool) -> Result<Self, tonic::Status> {
        Self::over(freehold_link::unix::in_process(lab.scheduler.host_routes()), hello, obeys).await
    }

    /// From another machine, with a certificate or without.
    pub async fn try_attend_as(lab: &Lab, hello: Hello, peer: Peer) -> Result<Self, tonic::Status> {
        Self::over(lab.link(peer), hello, false).await
    }

    async fn over(scheduler: freehold_link::Service, hello: Hello, obeys: bool) -> Result<Self, tonic::Status> {
        let mut client = HostsClient::new(scheduler);
        let (up, messages) = mpsc::channel(1024);
        let host_id = hello.host_id.clone();
        up.send(FromAgent { kind: Some(from_agent::Kind::Hello(hello)) }).await.expect("sent");
        let mut down = client.attend(ReceiverStream::new(messages)).await?.into_inner();
        let told = Arc::new(Mutex::new(Told::default()));
        let (answers, note) = (up.clone(), Arc::clone(&told));
        let task = tokio::spawn(async move {
            while let Ok(Some(ToAgent { kind: Some(kind), .. })) = down.message().await {
                let answer = if obeys { obey(&kind) } else { None };
                note_down(&mut note.lock().unwrap_or_else(PoisonError::into_inner), kind);
                if let Some(answer) = answer
                    && answers.send(FromAgent { kind: Some(answer) }).await.is_err()
                {
                    break;
                }
            }
        });
        let agent = Self { host_id, up, told, task };
        eventually("the agent is told everything", async || agent.told().complete).await;
        agent.say(from_agent::Kind::ObservedComplete(ObservedComplete {})).await;
        Ok(agent)
    }

    pub fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub async fn say(&self, kind: from_agent::Kind) {
        self.up.send(FromAgent { kind: Some(kind) }).await.expect("the session is open");
    }

    pub async fn report(&self, report: InstanceObserved) {
        self.say(from_agent::Kind::Instance(report)).await;
    }

    pub async fn until_told(&self, what: &str, so: impl Fn(&Told) -> bool) -> Told {
        eventually(what, async || so(&self.told())).await;
        self.told()
    }

    /// Whether its stream has ended.
    pub fn ended(&self) -> bool {
        self.task.is_finished()
    }

    /// The agent's process ends.
    pub fn leave(self) {
        self.task.abort();
    }
}

fn note_down(told: &mut Told, kind: to_agent::Kind) {
    match kind {
        to_agent::Kind::Welcome(welcome) => (told.cluster_id, told.epoch) = (welcome.cluster_id, welcome.epoch),
        to_agent::Kind::Instance(instance) => _ = told.instances.insert(instance.instance_id.clone(), instance),
        to_agent::Kind::NatGateway(gateway) => _ = told.nat_gateways.insert(gateway.nat_gateway_id.clone(), gateway),
        to_agent::Kind::Vpc(vpc) => {
            told.statements[0] += 1;
            told.vpcs.insert(vpc.vpc_id.clone(), vpc);
        }
        to_agent::Kind::SecurityGroup(group) => {
            told.statements[1] += 1;
            told.groups.insert(group.group_id.clone(), group);
        }
        to_agent::Kind::InterfaceElsewhere(interface) => {
            told.statements[2] += 1;
            if interface.tunnel_address.is_empty() {
                told.elsewhere.remove(&interface.network_interface_id);
            } else {
                told.elsewhere.insert(interface.network_interface_id.clone(), interface);
            }
        }
        to_agent::Kind::TranslatedBlock(block) if block.withdrawn => _ = told.translated.remove(&block.cidr_block),
        to_agent::Kind::TranslatedBlock(block) => _ = told.translated.insert(block.cidr_block),
        to_agent::Kind::PublicAddressElsewhere(public) => {
            told.public_statements += 1;
            if public.tunnel_address.is_empty() {
                told.public_elsewhere.remove(&public.public_ip_address);
            } else {
                told.public_elsewhere.insert(public.public_ip_address, public.tunnel_address);
            }
        }
        to_agent::Kind::Tombstone(tombstone) => told.tombstones.push(tombstone),
        to_agent::Kind::DesiredComplete(_) => told.complete = true,
        to_agent::Kind::ImageGrant(grant) => _ = told.grants.insert(grant.manifest, grant.grant),
        to_agent::Kind::ConsoleRequest(request) => told.questions.push(request),
    }
}

/// What an agent reports of a guest that is as desired.
pub fn as_desired(desired: &InstanceDesired) -> InstanceObserved {
    let state = if desired.power() == PowerState::Running { GuestState::Running } else { GuestState::Stopped };
    InstanceObserved {
        instance_id: desired.instance_id.clone(),
        generation: desired.generation,
        state: state.into(),
        machine_type: "sim-1".into(),
        accelerator: "none".into(),
        reboot_count: desired.reboot_count,
        interfaces_known: true,
        network_interface_ids: desired.interfaces.iter().map(|interface| interface.network_interface_id.clone()).collect(),
        ..InstanceObserved::default()
    }
}

fn obey(kind: &to_agent::Kind) -> Option<from_agent::Kind> {
    match kind {
        to_agent::Kind::Instance(desired) => Some(from_agent::Kind::Instance(as_desired(desired))),
        to_agent::Kind::NatGateway(NatGatewayDesired { nat_gateway_id, generation, .. }) => {
            let (nat_gateway_id, generation) = (nat_gateway_id.clone(), *generation);
            let observed = NatGatewayObserved { nat_gateway_id, generation, available: true, fault_message: String::new() };
            Some(from_agent::Kind::NatGateway(observed))
        }
        to_agent::Kind::Tombstone(Tombstone { kind, id, generation }) => {
            Some(from_agent::Kind::Buried(Buried { kind: *kind, id: id.clone(), generation: *generation }))
        }
        to_agent::Kind::ConsoleRequest(request) => Some(from_agent::Kind::ConsoleOutput(ConsoleOutput {
            request_id: request.request_id.clone(),
            output: format!("hello from {}", request.instance_id).into_bytes().into(),
            timestamp: None,
            found: true,
            kind: request.kind,
        })),
        _ => None,
    }
}
