"""Entries of managed prefix lists."""

from networks import declare_subject, declare_tags
from table import code_of, parameter

BLOCKS = ("198.51.100.0/24", "203.0.113.0/24")
NO_LIST = ("PrefixListId", "pl-00000000000000000", "InvalidPrefixListID.NotFound")
declare_tags("CreateManagedPrefixList", "prefix-list", lambda world, **parameters: world.new_list(**parameters))


def with_history(world):
    """A list at its second version: in each it has one of the two blocks."""
    made = world.new_list(Entries=[{"Cidr": BLOCKS[0]}])
    change = {"AddEntries": [{"Cidr": BLOCKS[1]}], "RemoveEntries": [{"Cidr": BLOCKS[0]}]}
    world.ec2.modify_managed_prefix_list(PrefixListId=made["PrefixListId"], CurrentVersion=1, **change)
    return made["PrefixListId"]


def restored(world):
    return {"PrefixListId": with_history(world), "PreviousVersion": 1, "CurrentVersion": 2}


for _action, _parameters in [
    ("DeleteManagedPrefixList", lambda w: {"PrefixListId": w.new_list()["PrefixListId"]}),
    ("GetManagedPrefixListAssociations", lambda w: {"PrefixListId": w.new_list()["PrefixListId"]}),
    ("GetManagedPrefixListEntries", lambda w: {"PrefixListId": w.new_list()["PrefixListId"]}),
    ("ModifyManagedPrefixList", lambda w: {"PrefixListId": w.new_list()["PrefixListId"], "PrefixListName": "other"}),
    ("RestoreManagedPrefixListVersion", restored),
]:
    declare_subject(_action, *NO_LIST, _parameters)


def entries(world, list_id, **parameters):
    return world.ec2.get_managed_prefix_list_entries(PrefixListId=list_id, **parameters)["Entries"]


def shown(world, list_id):
    return world.ec2.describe_managed_prefix_lists(PrefixListIds=[list_id])["PrefixLists"][0]


@parameter("CreateManagedPrefixList", "AddressFamily", ("IPv4", "IPv6"), ("done", "UnsupportedOperation"))
def family(world, value):
    return code_of(world.new_list, AddressFamily=value)


@parameter("CreateManagedPrefixList", "ClientToken", ("same", "other"), (True, False))
def token(world, value):
    under = world.unique("token")
    tokens = (under, under if value == "same" else world.unique("token"))
    first, second = (world.new_list(PrefixListName="once", ClientToken=one)["PrefixListId"] for one in tokens)
    return first == second


@parameter("CreateManagedPrefixList", "Entry.Cidr", BLOCKS)
def block(world, value):
    return entries(world, world.new_list(Entries=[{"Cidr": value}])["PrefixListId"])[0]["Cidr"]


@parameter("CreateManagedPrefixList", "Entry.Description", ("one", "two"))
def description(world, value):
    return entries(world, world.new_list(Entries=[{"Cidr": BLOCKS[0], "Description": value}])["PrefixListId"])[0]["Description"]


@parameter("CreateManagedPrefixList", "MaxEntries", (7, 8))
def size(world, value):
    return shown(world, world.new_list(MaxEntries=value)["PrefixListId"])["MaxEntries"]


@parameter("CreateManagedPrefixList", "PrefixListName", ("one", "two"))
def name(world, value):
    return shown(world, world.new_list(PrefixListName=value)["PrefixListId"])["PrefixListName"]


@parameter("ModifyManagedPrefixList", "AddEntry.Cidr", BLOCKS)
def added(world, value):
    list_id = world.new_list()["PrefixListId"]
    world.ec2.modify_managed_prefix_list(PrefixListId=list_id, AddEntries=[{"Cidr": value}])
    return entries(world, list_id)[0]["Cidr"]


@parameter("ModifyManagedPrefixList", "AddEntry.Description", ("one", "two"))
def added_description(world, value):
    list_id = world.new_list()["PrefixListId"]
    world.ec2.modify_managed_prefix_list(PrefixListId=list_id, AddEntries=[{"Cidr": BLOCKS[0], "Description": value}])
    return entries(world, list_id)[0]["Description"]


@parameter("ModifyManagedPrefixList", "RemoveEntry.Cidr", BLOCKS, BLOCKS[::-1])
def removed(world, value):
    list_id = world.new_list(Entries=[{"Cidr": block} for block in BLOCKS])["PrefixListId"]
    world.ec2.modify_managed_prefix_list(PrefixListId=list_id, RemoveEntries=[{"Cidr": value}])
    return entries(world, list_id)[0]["Cidr"]


@parameter("ModifyManagedPrefixList", "CurrentVersion", (1, 2), ("PrefixListVersionMismatch", "done"))
def at_version(world, value):
    list_id = with_history(world)
    return code_of(world.ec2.modify_managed_prefix_list, PrefixListId=list_id, CurrentVersion=value, AddEntries=[{"Cidr": BLOCKS[0]}])


@parameter("ModifyManagedPrefixList", "MaxEntries", (7, 8))
def resized(world, value):
    list_id = world.new_list()["PrefixListId"]
    world.ec2.modify_managed_prefix_list(PrefixListId=list_id, MaxEntries=value)
    return shown(world, list_id)["MaxEntries"]


@parameter("ModifyManagedPrefixList", "PrefixListName", ("one", "two"))
def renamed(world, value):
    list_id = world.new_list()["PrefixListId"]
    world.ec2.modify_managed_prefix_list(PrefixListId=list_id, PrefixListName=value)
    return shown(world, list_id)["PrefixListName"]


@parameter("GetManagedPrefixListEntries", "TargetVersion", (1, 2), BLOCKS)
def of_version(world, value):
    return entries(world, with_history(world), TargetVersion=value)[0]["Cidr"]


@parameter("RestoreManagedPrefixListVersion", "PreviousVersion", (1, 2), BLOCKS)
def previous(world, value):
    asked = restored(world) | {"PreviousVersion": value}
    world.ec2.restore_managed_prefix_list_version(**asked)
    return entries(world, asked["PrefixListId"])[0]["Cidr"]


@parameter("RestoreManagedPrefixListVersion", "CurrentVersion", (1, 2), ("PrefixListVersionMismatch", "done"))
def current(world, value):
    return code_of(world.ec2.restore_managed_prefix_list_version, **restored(world) | {"CurrentVersion": value})


def declare_lookup(action, method, answer, code):
    @parameter(action, "PrefixListId", ("present", "absent"), ("done", code))
    def look_up(world, value):
        present = getattr(world.ec2, method)()[answer][0]["PrefixListId"] if value == "present" else NO_LIST[1]
        return code_of(getattr(world.ec2, method), PrefixListIds=[present])


declare_lookup("DescribeManagedPrefixLists", "describe_managed_prefix_lists", "PrefixLists", NO_LIST[2])
declare_lookup("DescribePrefixLists", "describe_prefix_lists", "PrefixLists", "InvalidPrefixListId.NotFound")


# Of one list: what names it, and what it has, each more than a page.


def declare_pages(action, method, answer, make):
    def call(world, **parameters):
        return getattr(world.ec2, method)(PrefixListId=make(world)["PrefixListId"], **parameters)

    @parameter(action, "MaxResults", (5, 100), (5, 6))
    def page(world, value):
        return len(call(world, MaxResults=value)[answer])

    @parameter(action, "NextToken", ("first", "second"), (5, 1))
    def next_page(world, value):
        token = call(world, MaxResults=5)["NextToken"]
        return len(call(world, MaxResults=5, **({"NextToken": token} if value == "second" else {}))[answer])


declare_pages("GetManagedPrefixListEntries", "get_managed_prefix_list_entries", "Entries", lambda w: w.long_list)
declare_pages("GetManagedPrefixListAssociations", "get_managed_prefix_list_associations", "PrefixListAssociations", lambda w: w.named_list)


# Rules that name a list.


def naming(world, list_id=None, **member):
    return {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "PrefixListIds": [{"PrefixListId": list_id or world.lists[0]["PrefixListId"]} | member]}


def with_rule(world, direction):
    """A group with a rule that names a list."""
    group_id = world.new_group()
    getattr(world.ec2, f"authorize_security_group_{direction}")(GroupId=group_id, IpPermissions=[naming(world)])
    return group_id


def rule_in(world, group_id):
    (found,) = [rule for rule in world.rules_in(group_id) if "PrefixListId" in rule]
    return found


def declare_named(direction):
    def authorize(world, one):
        group_id = world.new_group()
        getattr(world.ec2, f"authorize_security_group_{direction}")(GroupId=group_id, IpPermissions=[one])
        return group_id

    def revoke(world, one):
        group_id = with_rule(world, direction)
        return getattr(world.ec2, f"revoke_security_group_{direction}")(GroupId=group_id, IpPermissions=[one])

    def describe(world, one):
        group_id = with_rule(world, direction)
        getattr(world.ec2, f"update_security_group_rule_descriptions_{direction}")(GroupId=group_id, IpPermissions=[one])
        return group_id

    word = direction.capitalize()
    for action, call in [
        (f"AuthorizeSecurityGroup{word}", authorize), (f"RevokeSecurityGroup{word}", revoke), (f"UpdateSecurityGroupRuleDescriptions{word}", describe),
    ]:
        declare_list_named(action, call)
    for action, call in [(f"AuthorizeSecurityGroup{word}", authorize), (f"UpdateSecurityGroupRuleDescriptions{word}", describe)]:
        declare_list_described(action, call)

    # EC2 takes a rule out whatever its description is; one that no rule can have is still refused.
    @parameter(f"RevokeSecurityGroup{word}", "IpPermissions.PrefixListIds.Description", ("office", "b\u00fcro"), ("done", "InvalidParameterValue"))
    def revoked(world, value):
        return code_of(revoke, world, naming(world, Description=value))


def declare_list_named(action, call):
    @parameter(action, "IpPermissions.PrefixListIds.PrefixListId", ("own", "absent"), ("done", NO_LIST[2]))
    def named(world, value):
        return code_of(call, world, naming(world, None if value == "own" else NO_LIST[1]))


def declare_list_described(action, call):
    @parameter(action, "IpPermissions.PrefixListIds.Description", ("one", "two"))
    def described(world, value):
        return rule_in(world, call(world, naming(world, Description=value)))["Description"]


declare_named("ingress")
declare_named("egress")


@parameter("ModifySecurityGroupRules", "SecurityGroupRule.SecurityGroupRule.PrefixListId", (0, 1))
def modified(world, value):
    group_id, ids = with_rule(world, "ingress"), [one["PrefixListId"] for one in world.lists]
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "PrefixListId": ids[value]}
    update = {"SecurityGroupRuleId": rule_in(world, group_id)["SecurityGroupRuleId"], "SecurityGroupRule": rule}
    world.ec2.modify_security_group_rules(GroupId=group_id, SecurityGroupRules=[update])
    return ids.index(rule_in(world, group_id)["PrefixListId"])


# Routes to a list.


def routes_to_lists(world, table_id):
    routes = world.ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"][0]["Routes"]
    ids = [one["PrefixListId"] for one in world.lists]
    return {ids.index(route["DestinationPrefixListId"]): route for route in routes if "DestinationPrefixListId" in route}


def routed_to_lists(world):
    """A table with routes to two lists."""
    table_id = world.unrouted()["RouteTableId"]
    for one in world.lists[:2]:
        world.ec2.create_route(RouteTableId=table_id, DestinationPrefixListId=one["PrefixListId"], GatewayId=world.own_gateway)
    return table_id


@parameter("CreateRoute", "DestinationPrefixListId", (0, 1), ([0], [1]))
def made(world, value):
    table_id, to = world.unrouted()["RouteTableId"], world.lists[value]["PrefixListId"]
    world.ec2.create_route(RouteTableId=table_id, DestinationPrefixListId=to, GatewayId=world.own_gateway)
    return list(routes_to_lists(world, table_id))


@parameter("ReplaceRoute", "DestinationPrefixListId", (0, 1), ([0], [1]))
def replaced(world, value):
    table_id, to = routed_to_lists(world), world.lists[value]["PrefixListId"]
    world.ec2.replace_route(RouteTableId=table_id, DestinationPrefixListId=to, NetworkInterfaceId=world.interfaces()[0])
    return [number for number, route in routes_to_lists(world, table_id).items() if "NetworkInterfaceId" in route]


@parameter("DeleteRoute", "DestinationPrefixListId", (0, 1), ([1], [0]))
def deleted(world, value):
    table_id = routed_to_lists(world)
    world.ec2.delete_route(RouteTableId=table_id, DestinationPrefixListId=world.lists[value]["PrefixListId"])
    return list(routes_to_lists(world, table_id))
