//! What every AWS action's request type says of itself. The implementations are generated (`cargo xtask model`).

/// One AWS action, implemented by its request message.
///
/// A handler is written against the request type; the generated action table is generic over "has a handler for every listed
/// request", so that a listed action without a handler does not compile.
pub trait Action: prost::Message + Default + Send + 'static {
    /// The answer's message.
    type Answer: prost::Message + Default + Send + 'static;

    /// AWS's own name: `RunInstances`.
    const NAME: &'static str;

    /// The gRPC path: `/aws.ec2.Instances/RunInstances`.
    const PATH: &'static str;

    /// Whether the caller only asks if the request would succeed (EC2's `DryRun`). Services without it answer `false`.
    fn dry_run(&self) -> bool {
        false
    }

    /// The caller's idempotency token, where the action has one.
    fn client_token(&self) -> Option<&str> {
        None
    }
}
