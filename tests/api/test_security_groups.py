"""Rules of security groups by way of the API. The tests share the account's default group, so each uses ports of its own."""

import pytest
from botocore.exceptions import ClientError


def code_of(failure):
    return failure.value.response["Error"]["Code"]


@pytest.fixture
def group(ec2):
    """The default group; its inbound rules are put back afterwards."""
    (group,) = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]
    yield group
    now = inbound(ec2, group)
    extra = [permission for permission in now if permission not in group["IpPermissions"]]
    if extra:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=extra)
    assert inbound(ec2, group) == group["IpPermissions"]


def inbound(ec2, group):
    return ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"][0]["IpPermissions"]


def permission(port, *cidrs, protocol="tcp"):
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr} for cidr in cidrs]}


def at(permissions, port):
    return [permission for permission in permissions if permission.get("FromPort") == port]


def test_the_default_group_is_closed_from_outside_and_open_to_it(group, account):
    (members,) = group["IpPermissions"]
    assert members["UserIdGroupPairs"] == [{"GroupId": group["GroupId"], "UserId": account.account_id}]
    assert (members["IpProtocol"], members["IpRanges"]) == ("-1", [])
    (outbound,) = group["IpPermissionsEgress"]
    assert outbound["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]


def test_rules_are_made_in_their_canonical_form_and_shown_together(ec2, group):
    made = ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[
            {"IpProtocol": "6", "FromPort": 2201, "ToPort": 2201,
             "IpRanges": [{"CidrIp": "10.1.2.3/8", "Description": "office"}, {"CidrIp": "192.0.2.1/32"}]}
        ],
    )
    assert made["Return"] and len(made["SecurityGroupRules"]) == 2
    assert all(rule["SecurityGroupRuleId"].startswith("sgr-") for rule in made["SecurityGroupRules"])
    (shown,) = at(inbound(ec2, group), 2201)
    assert shown["IpProtocol"] == "tcp"
    assert {r["CidrIp"]: r.get("Description") for r in shown["IpRanges"]} == {"10.0.0.0/8": "office", "192.0.2.1/32": None}


def test_the_plain_form_of_the_command_line_works_and_revokes(cloud, ec2, group):
    rule = ["--group-id", group["GroupId"], "--protocol", "tcp", "--port", "2202", "--cidr", "10.0.0.0/8"]
    cloud.aws("ec2", "authorize-security-group-ingress", *rule)
    assert len(at(inbound(ec2, group), 2202)) == 1
    cloud.aws("ec2", "revoke-security-group-ingress", *rule)
    assert at(inbound(ec2, group), 2202) == []


def test_a_rule_that_is_there_is_a_duplicate_and_nothing_of_its_request_is_made(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[permission(2203, "10.0.0.0/8")])
    before = inbound(ec2, group)
    with pytest.raises(ClientError) as failure:
        ec2.authorize_security_group_ingress(
            GroupId=group["GroupId"], IpPermissions=[permission(2204, "10.0.0.0/8"), permission(2203, "10.0.0.0/8")]
        )
    assert code_of(failure) == "InvalidPermission.Duplicate"
    assert inbound(ec2, group) == before


@pytest.mark.parametrize(
    "wrong, code",
    [
        (permission(2205, "10.0.0.0"), "InvalidParameterValue"),
        (permission(2205, "10.0.0.0/33"), "InvalidParameterValue"),
        (permission(65536, "10.0.0.0/8"), "InvalidParameterValue"),
        (permission(2205, "10.0.0.0/8", protocol="telepathy"), "InvalidPermission.Malformed"),
        (permission(2205), "MissingParameter"),
        ({"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "MissingParameter"),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]},
         "InvalidGroup.NotFound"),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "Ipv6Ranges": [{"CidrIpv6": "::/200"}]}, "InvalidParameterValue"),
    ],
)
def test_a_rule_that_can_not_be_is_refused(ec2, group, wrong, code):
    with pytest.raises(ClientError) as failure:
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[wrong])
    assert code_of(failure) == code
    assert inbound(ec2, group) == group["IpPermissions"]


def test_all_traffic_has_no_ports_and_is_revoked_with_any(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[permission(0, "10.7.0.0/16", protocol="-1")])
    shown = [p for p in inbound(ec2, group) if {"CidrIp": "10.7.0.0/16"} in p["IpRanges"]]
    assert len(shown) == 1 and "FromPort" not in shown[0]
    answer = ec2.revoke_security_group_ingress(
        GroupId=group["GroupId"], IpPermissions=[permission(-1, "10.7.0.0/16", protocol="-1")]
    )
    assert len(answer["RevokedSecurityGroupRules"]) == 1


def test_a_rule_goes_by_its_id_once(ec2, group):
    made = ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[permission(2206, "10.0.0.0/8")],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "why", "Value": "test"}]}],
    )
    (rule,) = made["SecurityGroupRules"]
    assert rule["Tags"] == [{"Key": "why", "Value": "test"}]
    by_id = {"GroupId": group["GroupId"], "SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]]}
    assert ec2.revoke_security_group_ingress(**by_id)["Return"]
    with pytest.raises(ClientError) as failure:
        ec2.revoke_security_group_ingress(**by_id)
    assert code_of(failure) == "InvalidSecurityGroupRuleId.NotFound"


def test_an_unknown_rule_of_the_default_vpc_is_answered_as_unknown(ec2, group):
    answer = ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[permission(2207, "10.0.0.0/8")])
    assert [p["FromPort"] for p in answer["UnknownIpPermissions"]] == [2207]
    assert "RevokedSecurityGroupRules" not in answer or answer["RevokedSecurityGroupRules"] == []


def test_the_waiter_sees_the_group_and_filters_find_it(ec2, group):
    ec2.get_waiter("security_group_exists").wait(GroupIds=[group["GroupId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 3})

    def found(**wanted):
        filters = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in wanted.items()]
        return [g["GroupId"] for g in ec2.describe_security_groups(Filters=filters)["SecurityGroups"]]

    assert found(group_name="def*", vpc_id=group["VpcId"]) == [group["GroupId"]]
    assert found(group_name="def*", vpc_id="vpc-0123456789abcdef0") == []


def test_another_account_has_a_default_group_of_its_own(other_ec2, group):
    (own,) = other_ec2.describe_security_groups()["SecurityGroups"]
    assert own["GroupId"] != group["GroupId"]
    for call in [other_ec2.authorize_security_group_ingress, other_ec2.revoke_security_group_ingress]:
        with pytest.raises(ClientError) as failure:
            call(GroupId=group["GroupId"], IpPermissions=[permission(2208, "10.0.0.0/8")])
        assert code_of(failure) == "InvalidGroup.NotFound"


def test_a_group_of_ones_own_from_its_making_to_its_end(ec2, other_ec2, group):
    made = ec2.create_security_group(
        GroupName="own", Description="of a client", TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}]
    )
    own = made["GroupId"]
    assert made["Tags"] == [{"Key": "a", "Value": "b"}] and made["SecurityGroupArn"].endswith(own)
    ec2.get_waiter("security_group_exists").wait(GroupNames=["own"], WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    with pytest.raises(ClientError) as failure:
        ec2.create_security_group(GroupName="Own", Description="again")
    assert code_of(failure) == "InvalidGroup.Duplicate"
    naming = [{"IpProtocol": "tcp", "FromPort": 2209, "ToPort": 2209, "UserIdGroupPairs": [{"GroupId": own, "Description": "own"}]}]
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=naming)
    assert referring(ec2, own) == [group["GroupId"]]
    for client, code in [(ec2, "DependencyViolation"), (other_ec2, "InvalidGroup.NotFound")]:
        with pytest.raises(ClientError) as failure:
            client.delete_security_group(GroupId=own)
        assert code_of(failure) == code
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=naming)
    assert ec2.delete_security_group(GroupId=own)["Return"]
    with pytest.raises(ClientError) as failure:
        ec2.describe_security_groups(GroupIds=[own])
    assert code_of(failure) == "InvalidGroup.NotFound"
    with pytest.raises(ClientError) as failure:
        ec2.delete_security_group(GroupName="default")
    assert code_of(failure) == "CannotDelete"


def referring(ec2, group_id):
    found = ec2.describe_security_groups(Filters=[{"Name": "ip-permission.group-id", "Values": [group_id]}])["SecurityGroups"]
    return [one["GroupId"] for one in found]


def test_outbound_rules_are_closed_and_opened_described_and_modified(cloud, ec2):
    own = ec2.create_security_group(GroupName="outbound", Description="closed")["GroupId"]
    cloud.aws("ec2", "revoke-security-group-egress", "--group-id", own, "--ip-permissions", "IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]")
    assert rules(ec2, own) == []
    (rule,) = ec2.authorize_security_group_egress(GroupId=own, IpPermissions=[permission(53, "10.0.0.0/8", protocol="udp")])["SecurityGroupRules"]
    assert rule["IsEgress"] and rules(ec2, own) == [rule]
    rule_id = rule["SecurityGroupRuleId"]
    described = [{"SecurityGroupRuleId": rule_id, "Description": "names"}]
    ec2.update_security_group_rule_descriptions_egress(GroupId=own, SecurityGroupRuleDescriptions=described)
    assert rules(ec2, own)[0]["Description"] == "names"
    changed = {"IpProtocol": "tcp", "FromPort": 53, "ToPort": 54, "CidrIpv4": "10.1.2.3/16", "Description": "names"}
    ec2.modify_security_group_rules(GroupId=own, SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": changed}])
    (now,) = rules(ec2, own)
    assert (now["SecurityGroupRuleId"], now["IpProtocol"], now["ToPort"], now["CidrIpv4"]) == (rule_id, "tcp", 54, "10.1.0.0/16")
    (shown,) = ec2.describe_security_groups(GroupIds=[own])["SecurityGroups"]
    assert shown["IpPermissions"] == []
    assert shown["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "10.1.0.0/16", "Description": "names"}]
    ec2.delete_security_group(GroupId=own)


def rules(ec2, group_id):
    pages = ec2.get_paginator("describe_security_group_rules").paginate(Filters=[{"Name": "group-id", "Values": [group_id]}])
    return [rule for page in pages for rule in page["SecurityGroupRules"]]
