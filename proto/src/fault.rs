//! The one error type that crosses the seam: AWS's code, the HTTP status that goes with it, a message for the user, and a source for the log.

use std::error::Error;
use std::fmt;

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:literal;)*) => {
        /// AWS's error codes, each with its HTTP status.
        /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($variant,)* }

        impl ErrorCode {
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $code,)* }
            }

            pub const fn http_status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status,)* }
            }

            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(ErrorCode::$variant),)* _ => None }
            }
        }
    };
}

error_codes! {
    // Who asks.
    AuthFailure = "AuthFailure", 401;
    ActiveVpcPeeringConnectionPerVpcLimitExceeded = "ActiveVpcPeeringConnectionPerVpcLimitExceeded", 400;
    IncompleteSignature = "IncompleteSignature", 400;
    InvalidClientTokenId = "InvalidClientTokenId", 403;
    MissingAuthenticationToken = "MissingAuthenticationToken", 403;
    OptInRequired = "OptInRequired", 401;
    InvalidStateTransition = "InvalidStateTransition", 400;
    InvalidVpcPeeringConnectionIdMalformed = "InvalidVpcPeeringConnectionId.Malformed", 400;
    InvalidVpcPeeringConnectionIdNotFound = "InvalidVpcPeeringConnectionID.NotFound", 400;
    OutstandingVpcPeeringConnectionLimitExceeded = "OutstandingVpcPeeringConnectionLimitExceeded", 400;
    RequestExpired = "RequestExpired", 400;
    SignatureDoesNotMatch = "SignatureDoesNotMatch", 403;
    UnauthorizedOperation = "UnauthorizedOperation", 403;
    // How it is asked.
    DryRunOperation = "DryRunOperation", 412;
    FilterLimitExceeded = "FilterLimitExceeded", 400;
    IdempotentParameterMismatch = "IdempotentParameterMismatch", 400;
    InvalidAction = "InvalidAction", 400;
    InvalidNextToken = "InvalidNextToken", 400;
    InvalidPaginationToken = "InvalidPaginationToken", 400;
    InvalidParameter = "InvalidParameter", 400;
    InvalidParameterCombination = "InvalidParameterCombination", 400;
    InvalidParameterValue = "InvalidParameterValue", 400;
    MalformedQueryString = "MalformedQueryString", 400;
    MissingAction = "MissingAction", 400;
    MissingParameter = "MissingParameter", 400;
    NoSuchVersion = "NoSuchVersion", 400;
    RequestEntityTooLarge = "RequestEntityTooLarge", 413;
    // S3's word for a body that does not arrive; SDKs retry it.
    RequestTimeout = "RequestTimeout", 400;
    RequestLimitExceeded = "RequestLimitExceeded", 503;
    UnknownParameter = "UnknownParameter", 400;
    Unsupported = "Unsupported", 400;
    UnsupportedOperation = "UnsupportedOperation", 400;
    ValidationError = "ValidationError", 400;
    // What it names.
    AddressLimitExceeded = "AddressLimitExceeded", 400;
    GatewayNotAttached = "Gateway.NotAttached", 400;
    ResourceAlreadyAssociated = "Resource.AlreadyAssociated", 400;
    CannotDelete = "CannotDelete", 400;
    DefaultSubnetAlreadyExistsInAvailabilityZone = "DefaultSubnetAlreadyExistsInAvailabilityZone", 400;
    DefaultVpcAlreadyExists = "DefaultVpcAlreadyExists", 400;
    DefaultVpcDoesNotExist = "DefaultVpcDoesNotExist", 400;
    AttachmentLimitExceeded = "AttachmentLimitExceeded", 400;
    DependencyViolation = "DependencyViolation", 400;
    DhcpOptionsLimitExceeded = "DhcpOptionsLimitExceeded", 400;
    IncorrectInstanceState = "IncorrectInstanceState", 400;
    IncorrectState = "IncorrectState", 400;
    InstanceLimitExceeded = "InstanceLimitExceeded", 400;
    InsufficientInstanceCapacity = "InsufficientInstanceCapacity", 500;
    InvalidAddressLocked = "InvalidAddress.Locked", 400;
    InvalidAddressNotFound = "InvalidAddress.NotFound", 400;
    InvalidAllocationIdMalformed = "InvalidAllocationID.Malformed", 400;
    InvalidAllocationIdNotFound = "InvalidAllocationID.NotFound", 400;
    InvalidAmiIdMalformed = "InvalidAMIID.Malformed", 400;
    InvalidAmiIdNotFound = "InvalidAMIID.NotFound", 400;
    InvalidAmiIdUnavailable = "InvalidAMIID.Unavailable", 400;
    InvalidAttachmentIdMalformed = "InvalidAttachmentID.Malformed", 400;
    InvalidAttachmentIdNotFound = "InvalidAttachmentID.NotFound", 400;
    InvalidAssociationIdMalformed = "InvalidAssociationID.Malformed", 400;
    InvalidAssociationIdNotFound = "InvalidAssociationID.NotFound", 400;
    InvalidAvailabilityZone = "InvalidAvailabilityZone", 400;
    InvalidBlockDeviceMapping = "InvalidBlockDeviceMapping", 400;
    InvalidFilter = "InvalidFilter", 400;
    InvalidGatewayIdNotFound = "InvalidGatewayID.NotFound", 400;
    InvalidGroupDuplicate = "InvalidGroup.Duplicate", 400;
    InvalidGroupNotFound = "InvalidGroup.NotFound", 400;
    InvalidGroupIdMalformed = "InvalidGroupId.Malformed", 400;
    InvalidId = "InvalidID", 400;
    InvalidIpAddressInUse = "InvalidIPAddress.InUse", 400;
    InvalidInstanceAttributeValue = "InvalidInstanceAttributeValue", 400;
    InvalidInstanceId = "InvalidInstanceID", 400;
    InvalidInstanceIdMalformed = "InvalidInstanceID.Malformed", 400;
    InvalidInstanceIdNotFound = "InvalidInstanceID.NotFound", 400;
    InvalidInstanceType = "InvalidInstanceType", 400;
    InvalidCidrBlockInUse = "InvalidCidrBlock.InUse", 400;
    InternetGatewayLimitExceeded = "InternetGatewayLimitExceeded", 400;
    InvalidDhcpOptionsIdMalformed = "InvalidDhcpOptionsId.Malformed", 400;
    InvalidDhcpOptionsIdNotFound = "InvalidDhcpOptionID.NotFound", 400;
    InvalidInternetGatewayIdMalformed = "InvalidInternetGatewayID.Malformed", 400;
    InvalidInternetGatewayIdNotFound = "InvalidInternetGatewayID.NotFound", 400;
    InvalidKeyFormat = "InvalidKey.Format", 400;
    InvalidKeyPairDuplicate = "InvalidKeyPair.Duplicate", 400;
    InvalidKeyPairFormat = "InvalidKeyPair.Format", 400;
    InvalidKeyPairNotFound = "InvalidKeyPair.NotFound", 400;
    InvalidLaunchTemplateIdMalformed = "InvalidLaunchTemplateId.Malformed", 400;
    InvalidLaunchTemplateIdNotFound = "InvalidLaunchTemplateId.NotFound", 400;
    InvalidLaunchTemplateIdVersionNotFound = "InvalidLaunchTemplateId.VersionNotFound", 400;
    InvalidLaunchTemplateNameAlreadyExists = "InvalidLaunchTemplateName.AlreadyExistsException", 400;
    InvalidLaunchTemplateNameMalformed = "InvalidLaunchTemplateName.MalformedException", 400;
    InvalidLaunchTemplateNameNotFound = "InvalidLaunchTemplateName.NotFoundException", 400;
    InvalidNetworkAclEntryNotFound = "InvalidNetworkAclEntry.NotFound", 400;
    InvalidNatGatewayIdNotFound = "InvalidNatGatewayID.NotFound", 400;
    InvalidNetworkAclIdMalformed = "InvalidNetworkAclId.Malformed", 400;
    InvalidNetworkAclIdNotFound = "InvalidNetworkAclID.NotFound", 400;
    InvalidNetworkInterfaceInUse = "InvalidNetworkInterface.InUse", 400;
    InvalidNetworkInterfaceIdMalformed = "InvalidNetworkInterfaceId.Malformed", 400;
    InvalidNetworkInterfaceIdNotFound = "InvalidNetworkInterfaceID.NotFound", 400;
    InvalidPermissionDuplicate = "InvalidPermission.Duplicate", 400;
    InvalidPermissionMalformed = "InvalidPermission.Malformed", 400;
    InvalidPermissionNotFound = "InvalidPermission.NotFound", 400;
    InvalidPlacementGroupDuplicate = "InvalidPlacementGroup.Duplicate", 400;
    InvalidPlacementGroupIdMalformed = "InvalidPlacementGroupId.Malformed", 400;
    InvalidPlacementGroupInUse = "InvalidPlacementGroup.InUse", 400;
    InvalidPlacementGroupUnknown = "InvalidPlacementGroup.Unknown", 400;
    InvalidPolicyDocument = "InvalidPolicyDocument", 400;
    InvalidPrefixListIdMalformed = "InvalidPrefixListId.Malformed", 400;
    // EC2 writes the id's name in two ways.
    InvalidPrefixListIdNotFound = "InvalidPrefixListID.NotFound", 400;
    InvalidPrefixListIdOfServiceNotFound = "InvalidPrefixListId.NotFound", 400;
    InvalidPrefixListModification = "InvalidPrefixListModification", 400;
    InvalidRouteNotFound = "InvalidRoute.NotFound", 400;
    InvalidRouteTableIdMalformed = "InvalidRouteTableId.Malformed", 400;
    InvalidRouteTableIdNotFound = "InvalidRouteTableID.NotFound", 400;
    InvalidSecurityGroupRuleIdMalformed = "InvalidSecurityGroupRuleId.Malformed", 400;
    InvalidSecurityGroupRuleIdNotFound = "InvalidSecurityGroupRuleId.NotFound", 400;
    InvalidServiceName = "InvalidServiceName", 400;
    InvalidSnapshotIdMalformed = "InvalidSnapshotID.Malformed", 400;
    InvalidSnapshotNotFound = "InvalidSnapshot.NotFound", 400;
    InvalidSubnetCidrReservationIdMalformed = "InvalidSubnetCidrReservationID.Malformed", 400;
    InvalidSubnetCidrReservationIdNotFound = "InvalidSubnetCidrReservationID.NotFound", 400;
    InvalidSubnetConflict = "InvalidSubnet.Conflict", 400;
    InvalidSubnetIdMalformed = "InvalidSubnetID.Malformed", 400;
    InvalidSubnetIdNotFound = "InvalidSubnetID.NotFound", 400;
    InvalidSubnetRange = "InvalidSubnet.Range", 400;
    InvalidTagKeyMalformed = "InvalidTagKey.Malformed", 400;
    InvalidUserDataMalformed = "InvalidUserData.Malformed", 400;
    InvalidUserIdMalformed = "InvalidUserID.Malformed", 400;
    InvalidVolumeIdMalformed = "InvalidVolumeID.Malformed", 400;
    InvalidVolumeNotFound = "InvalidVolume.NotFound", 400;
    InvalidVpcCidrBlockAssociationIdMalformed = "InvalidVpcCidrBlockAssociationID.Malformed", 400;
    InvalidVpcCidrBlockAssociationIdNotFound = "InvalidVpcCidrBlockAssociationID.NotFound", 400;
    // Of the one that is not there DeleteVpcEndpoints has another word than all others.
    InvalidVpcEndpointNotFound = "InvalidVpcEndpoint.NotFound", 400;
    InvalidVpcEndpointIdMalformed = "InvalidVpcEndpointId.Malformed", 400;
    InvalidVpcEndpointIdNotFound = "InvalidVpcEndpointId.NotFound", 400;
    InvalidVpcIdMalformed = "InvalidVpcID.Malformed", 400;
    InvalidVpcIdNotFound = "InvalidVpcID.NotFound", 400;
    InvalidVpcRange = "InvalidVpc.Range", 400;
    MaxTemplateLimitExceeded = "MaxTemplateLimitExceeded", 400;
    MaxTemplateVersionLimitExceeded = "MaxTemplateVersionLimitExceeded", 400;
    NetworkInterfaceLimitExceeded = "NetworkInterfaceLimitExceeded", 400;
    OperationInProgress = "OperationInProgress", 400;
    OperationNotPermitted = "OperationNotPermitted", 400;
    PrefixListMaxEntriesExceeded = "PrefixListMaxEntriesExceeded", 400;
    PrefixListVersionMismatch = "PrefixListVersionMismatch", 400;
    PrivateIpAddressLimitExceeded = "PrivateIpAddressLimitExceeded", 400;
    ResourceLimitExceeded = "ResourceLimitExceeded", 400;
    RouteAlreadyExists = "RouteAlreadyExists", 400;
    RouteLimitExceeded = "RouteLimitExceeded", 400;
    RouteTableLimitExceeded = "RouteTableLimitExceeded", 400;
    NatGatewayLimitExceeded = "NatGatewayLimitExceeded", 400;
    NatGatewayMalformed = "NatGatewayMalformed", 400;
    NatGatewayNotFound = "NatGatewayNotFound", 400;
    NetworkAclEntryAlreadyExists = "NetworkAclEntryAlreadyExists", 400;
    NetworkAclEntryLimitExceeded = "NetworkAclEntryLimitExceeded", 400;
    NetworkAclLimitExceeded = "NetworkAclLimitExceeded", 400;
    RulesPerSecurityGroupLimitExceeded = "RulesPerSecurityGroupLimitExceeded", 400;
    SecurityGroupLimitExceeded = "SecurityGroupLimitExceeded", 400;
    SecurityGroupsPerInterfaceLimitExceeded = "SecurityGroupsPerInterfaceLimitExceeded", 400;
    TagLimitExceeded = "TagLimitExceeded", 400;
    SubnetLimitExceeded = "SubnetLimitExceeded", 400;
    VpcCidrLimitExceeded = "CidrLimitExceeded", 400;
    VpcEndpointLimitExceeded = "VpcEndpointLimitExceeded", 400;
    VpcIdNotSpecified = "VPCIdNotSpecified", 400;
    VpcLimitExceeded = "VpcLimitExceeded", 400;
    VpcPeeringConnectionAlreadyExists = "VpcPeeringConnectionAlreadyExists", 400;
    // What is not there.
    PlacementGroupLimitExceeded = "PlacementGroupLimitExceeded", 400;
    InsufficientAddressCapacity = "InsufficientAddressCapacity", 400;
    InsufficientCidrBlocks = "InsufficientCidrBlocks", 400;
    InsufficientFreeAddressesInSubnet = "InsufficientFreeAddressesInSubnet", 400;
    InternalError = "InternalError", 500;
    Unavailable = "Unavailable", 503;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A refusal or a failure, in AWS's words. `Display` gives code and message and never repeats the source.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    pub code: ErrorCode,
    /// For the user: what was wrong and what to do. Never holds a secret or an internal detail.
    pub message: String,
    /// For the log, once, where it is handled. Does not cross the seam.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), source: None }
    }

    /// A failure that is ours. The user learns nothing but that; `context` and `source` go to the log.
    pub fn internal(context: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source: Box<dyn Error + Send + Sync> = source.into();
        Self {
            code: ErrorCode::InternalError,
            message: "An internal error has occurred. Retry your request; if it persists, give the request id to the operator.".into(),
            source: Some(Box::new(Internal { context: context.into(), source })),
        }
    }

    /// A part that this command needs does not answer right now; clients retry.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{context}")]
struct Internal {
    context: String,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

/// gRPC metadata key that carries the AWS code of a failed command; the message is the gRPC status message.
pub const CODE_METADATA: &str = "freehold-error-code";

impl From<Fault> for tonic::Status {
    fn from(fault: Fault) -> Self {
        let code = match fault.code {
            ErrorCode::InternalError => tonic::Code::Internal,
            ErrorCode::Unavailable => tonic::Code::Unavailable,
            ErrorCode::InvalidAction => tonic::Code::Unimplemented,
            _ => tonic::Code::FailedPrecondition,
        };
        let mut status = tonic::Status::new(code, fault.message);
        status.metadata_mut().insert(CODE_METADATA, tonic::metadata::MetadataValue::from_static(fault.code.as_str()));
        status
    }
}

impl From<tonic::Status> for Fault {
    /// A status without a code of ours comes from the transport: the other part is not there.
    fn from(status: tonic::Status) -> Self {
        let code = status.metadata().get(CODE_METADATA).and_then(|value| value.to_str().ok()).and_then(ErrorCode::parse);
        match code {
            Some(code) => Self::new(code, status.message()),
            None if status.code() == tonic::Code::Unimplemented => {
                Self::new(ErrorCode::InvalidAction, "The action is not valid for this web service.")
            }
            None => Self {
                code: ErrorCode::Unavailable,
                message: "The service is not available right now. Retry your request.".into(),
                source: Some(Box::new(status)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_the_seam() {
        for &code in ErrorCode::ALL {
            let back = Fault::from(tonic::Status::from(Fault::new(code, "why")));
            assert_eq!((back.code, back.message.as_str()), (code, "why"));
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
        }
    }

    #[test]
    fn display_does_not_repeat_the_source() {
        let fault = Fault::internal("reading the store", std::io::Error::other("disk"));
        assert!(!fault.to_string().contains("disk"), "{fault}");
    }
}
