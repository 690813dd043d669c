//! What the scheduler said, handed to whom it concerns: statements to the plan, tombstones to burial, questions to drivers.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use freehold_proto::internal::host::{
    ConsoleKind, ConsoleOutput, ConsoleRequest, ImageGrant, NatGatewayDesired, NatGatewayObserved, ResourceKind, SecurityGroupDesired,
    Tombstone, VpcDesired, from_agent, to_agent,
};

use super::Ended;
use super::attend::on_disk;
use crate::grants::Grants;
use crate::hypervisor::View;
use crate::plan::{Entombed, Resource, Statement};
use crate::reconciler::Surroundings;

/// What takes too long to hold up the stream for, and what it has to say in the end.
pub(crate) type Afterwards = BoxFuture<'static, Option<from_agent::Kind>>;

/// Carries a batch over in its order. `mentioned` collects instances, and interfaces and public addresses elsewhere, until the list is complete,
/// and is `None` from then on.
pub(crate) async fn deliver(
    around: &Surroundings,
    grants: &Grants,
    batch: Vec<to_agent::Kind>,
    mentioned: &mut Option<BTreeSet<String>>,
) -> Result<Vec<Afterwards>, Ended> {
    let mut statements = Vec::new();
    let mut afterwards = Vec::new();
    for kind in batch {
        match kind {
            to_agent::Kind::Instance(instance) => {
                if let Some(mentioned) = mentioned {
                    mentioned.insert(instance.instance_id.clone());
                }
                statements.push(Statement::Instance(instance));
                continue;
            }
            to_agent::Kind::Vpc(vpc) => {
                statements.push(Statement::Vpc(vpc));
                continue;
            }
            to_agent::Kind::SecurityGroup(group) => {
                statements.push(Statement::SecurityGroup(group));
                continue;
            }
            to_agent::Kind::NatGateway(gateway) => {
                afterwards.push(translating(around.clone(), gateway.clone()).boxed());
                statements.push(Statement::NatGateway(gateway));
                continue;
            }
            to_agent::Kind::InterfaceElsewhere(interface) => {
                if let Some(mentioned) = mentioned {
                    mentioned.insert(interface.network_interface_id.clone());
                }
                statements.push(Statement::Elsewhere(interface));
                continue;
            }
            to_agent::Kind::PublicAddressElsewhere(public) => {
                if let Some(mentioned) = mentioned {
                    mentioned.insert(public.public_ip_address.clone());
                }
                statements.push(Statement::PublicElsewhere(public));
                continue;
            }
            to_agent::Kind::TranslatedBlock(block) => {
                if let Some(mentioned) = mentioned {
                    mentioned.insert(block.cidr_block.clone());
                }
                statements.push(Statement::Translated(block));
                continue;
            }
            _ => {}
        }
        state(around, std::mem::take(&mut statements)).await?;
        match kind {
            to_agent::Kind::Tombstone(tombstone) => {
                if let (ResourceKind::Instance, Some(mentioned)) = (tombstone.kind(), mentioned.as_mut()) {
                    mentioned.insert(tombstone.id.clone());
                }
                afterwards.extend(bury(around, tombstone).await?);
            }
            to_agent::Kind::DesiredComplete(_) => complete(around, mentioned.take()).await?,
            to_agent::Kind::ConsoleRequest(request) => afterwards.push(answer(around.clone(), request).boxed()),
            to_agent::Kind::ImageGrant(ImageGrant { manifest, grant }) => grants.take(manifest, grant),
            to_agent::Kind::Welcome(_) => tracing::warn!("the scheduler welcomed twice"),
            to_agent::Kind::Instance(_)
            | to_agent::Kind::Vpc(_)
            | to_agent::Kind::SecurityGroup(_)
            | to_agent::Kind::NatGateway(_)
            | to_agent::Kind::InterfaceElsewhere(_)
            | to_agent::Kind::PublicAddressElsewhere(_)
            | to_agent::Kind::TranslatedBlock(_) => {}
        }
    }
    state(around, statements).await?;
    Ok(afterwards)
}

async fn state(around: &Surroundings, statements: Vec<Statement>) -> Result<(), Ended> {
    if statements.is_empty() {
        return Ok(());
    }
    let began = std::time::Instant::now();
    let changed = on_disk(around, move |plan| plan.state(statements)).await?;
    around.metrics.plan_written(began);
    for id in &changed {
        around.queue.wake(id);
    }
    Ok(())
}

async fn complete(around: &Surroundings, mentioned: Option<BTreeSet<String>>) -> Result<(), Ended> {
    let Some(mentioned) = mentioned else { return Ok(()) };
    for instance_id in on_disk(around, move |plan| plan.complete(&mentioned)).await? {
        tracing::error!(instance_id, "the scheduler does not mention an instance of this host; it is left as it is, in quarantine");
        around.queue.wake(&instance_id);
    }
    Ok(())
}

async fn bury(around: &Surroundings, tombstone: Tombstone) -> Result<Option<Afterwards>, Ended> {
    match tombstone.kind() {
        ResourceKind::Instance => bury_instance(around, tombstone).await.map(|()| None),
        ResourceKind::Vpc => bury_network::<VpcDesired>(around, tombstone).await,
        ResourceKind::SecurityGroup => bury_network::<SecurityGroupDesired>(around, tombstone).await,
        ResourceKind::NatGateway => bury_network::<NatGatewayDesired>(around, tombstone).await,
        ResourceKind::Volume => {
            bury_volume(around, &tombstone).await;
            Ok(None)
        }
        ResourceKind::Unspecified => {
            tracing::error!(id = tombstone.id, "a tombstone of a kind this version does not know is left alone");
            Ok(None)
        }
    }
}

async fn bury_instance(around: &Surroundings, tombstone: Tombstone) -> Result<(), Ended> {
    let (id, generation) = (tombstone.id.clone(), tombstone.generation);
    match on_disk(around, move |plan| plan.entomb(&tombstone)).await? {
        Entombed::Outdated { held } => {
            tracing::error!(instance_id = id, generation, held, "refused a tombstone older than what is held");
        }
        Entombed::Accepted if around.plan.holds(&id) => around.queue.wake(&id),
        Entombed::Accepted => around.burials.announce(ResourceKind::Instance, &id, generation),
    }
    Ok(())
}

/// Tells when a NAT gateway passes packets on, or why it does not.
async fn translating(around: Surroundings, gateway: NatGatewayDesired) -> Option<from_agent::Kind> {
    let NatGatewayDesired { nat_gateway_id, generation, interface, .. } = gateway;
    let translating = around.ports.translating(&interface?).await;
    let fault_message = translating.err().map(|error| error.to_string()).unwrap_or_default();
    if !fault_message.is_empty() {
        tracing::warn!(nat_gateway_id, fault_message, "a NAT gateway can not be made");
    }
    let available = fault_message.is_empty();
    Some(from_agent::Kind::NatGateway(NatGatewayObserved { nat_gateway_id, generation, available, fault_message }))
}

/// A VPC, a group or a NAT gateway: out of the plan at once, announced when the data plane has nothing of it any more.
async fn bury_network<R: Resource>(around: &Surroundings, tombstone: Tombstone) -> Result<Option<Afterwards>, Ended> {
    let (id, generation, kind) = (tombstone.id.clone(), tombstone.generation, tombstone.kind());
    let held = around.plan.generation::<R>(&id);
    if held.is_some_and(|held| held > generation) || around.plan.uses(&id) {
        tracing::warn!(
            id,
            generation,
            ?held,
            "a tombstone is older than what is held, or an instance still uses it; left for its repetition"
        );
        return Ok(None);
    }
    let withdrawn = id.clone();
    on_disk(around, move |plan| plan.withdraw::<R>(&withdrawn)).await?;
    let around = around.clone();
    let afterwards = async move {
        match around.ports.withdrawn(kind, &id, &[]).await {
            Ok(()) => around.burials.announce(kind, &id, generation),
            Err(error) => {
                tracing::warn!(id, %error, "the data plane still has something of what was buried; left for the tombstone's repetition");
            }
        }
        None
    };
    Ok(Some(afterwards.boxed()))
}

async fn bury_volume(around: &Surroundings, tombstone: &Tombstone) {
    if around.plan.uses(&tombstone.id) {
        tracing::warn!(volume_id = tombstone.id, "a volume's tombstone waits for the instance that uses it");
        return;
    }
    for driver in around.drivers.values() {
        if let Err(error) = driver.destroy_volume(&tombstone.id).await {
            tracing::error!(volume_id = tombstone.id, %error, cause = ?error.source, "a volume could not be removed; left for its tombstone's repetition");
            return;
        }
    }
    around.burials.announce(ResourceKind::Volume, &tombstone.id, tombstone.generation);
}

/// Whichever driver has the instance answers; a failure is an answer too, since somebody waits for it.
async fn answer(around: Surroundings, request: ConsoleRequest) -> Option<from_agent::Kind> {
    let view = match request.kind() {
        ConsoleKind::ConsoleText => View::Text,
        ConsoleKind::ConsoleScreen => View::Screen { wake_up: request.wake_up },
        ConsoleKind::ConsolePassword => View::Password,
    };
    // A kind that only a newer scheduler knows is answered as text, and so the scheduler sees that it was not understood.
    let kind = request.kind().into();
    let mut output = ConsoleOutput { request_id: request.request_id, kind, ..ConsoleOutput::default() };
    for driver in around.drivers.values() {
        match driver.console(&request.instance_id, view).await {
            Ok(Some(console)) => {
                output.output = console.output.into();
                output.timestamp = Some(console.at.into());
                output.found = true;
                break;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(instance_id = request.instance_id, %error, "a console can not be read"),
        }
    }
    Some(from_agent::Kind::ConsoleOutput(output))
}
