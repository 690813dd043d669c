//! Who may call what of a scheduler over TLS. The operator's commands are not among it: they have a socket of their own, which only root opens.

use freehold_link::identity::{Identity, Kind};

const JOIN: &str = "/freehold.parts.v1.Parts/Join";
const CERTIFY: &str = "/freehold.parts.v1.Parts/Certify";
const HOSTS: &str = "/freehold.host.v1.Hosts/";
const IDENTITY: &str = "/freehold.identity.v1.Identity/";
const ACTIONS: &str = "/aws.";

/// Whether the holder of this certificate (or of none) may call `path`.
pub fn admits(identity: Option<&Identity>, path: &str) -> bool {
    let Some(identity) = identity else { return path == JOIN };
    match identity.kind {
        Kind::Host => path.starts_with(HOSTS) || path == CERTIFY,
        Kind::Gateway => path.starts_with(ACTIONS) || path.starts_with(IDENTITY) || path == CERTIFY,
        Kind::ImageStore => path == CERTIFY,
        Kind::Scheduler | Kind::Operator => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_calls_what_is_its_own_and_nobody_the_operator_s() {
        let who = |kind| Identity { cluster_id: "c".into(), kind, name: "n".into() };
        let all = [
            JOIN,
            CERTIFY,
            "/freehold.host.v1.Hosts/Attend",
            "/freehold.identity.v1.Identity/GetDayKey",
            "/aws.ec2.Instances/RunInstances",
            "/freehold.operator.v1.Operator/CreateAccount",
        ];
        let may = |identity: Option<&Identity>| all.iter().copied().filter(|path| admits(identity, path)).collect::<Vec<_>>();
        assert_eq!(may(None), [JOIN]);
        assert_eq!(may(Some(&who(Kind::Host))), [CERTIFY, all[2]]);
        assert_eq!(may(Some(&who(Kind::Gateway))), [CERTIFY, all[3], all[4]]);
        assert_eq!(may(Some(&who(Kind::ImageStore))), [CERTIFY]);
        assert_eq!(may(Some(&who(Kind::Operator))), [""; 0]);
        assert_eq!(may(Some(&who(Kind::Scheduler))), [""; 0]);
    }
}
