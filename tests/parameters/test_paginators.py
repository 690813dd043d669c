"""botocore's paginators, all of those of served actions: pages of the least size, and a walk that stops and goes on by a token, find what
pages of the usual size have. A served action that botocore pages and nothing here does fails.
"""

import sys
from pathlib import Path

import botocore.session
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from everywhere import PAGES  # noqa: E402
from instance_types import question  # noqa: E402
from made import Made  # noqa: E402
from table import listed, method_of  # noqa: E402

OFFICIAL = botocore.session.get_session().get_component("data_loader").load_service_model("ec2", "paginators-1")["pagination"]
SERVED = {entry.split(":")[0] for entry in listed("served")}
# As everywhere.PAGES, for those that can not be asked without more.
OTHERS = {
    "DescribeStaleSecurityGroups": ("StaleSecurityGroupSet", 5, lambda w: w.stale_vpc),
    "DescribeLaunchTemplateVersions": ("LaunchTemplateVersions", 1, lambda w: w.templates()),
    "GetInstanceTypesFromInstanceRequirements": ("InstanceTypes", 1, lambda w: None),
    "GetManagedPrefixListAssociations": ("PrefixListAssociations", 5, lambda w: w.named_list),
    "GetManagedPrefixListEntries": ("Entries", 1, lambda w: w.long_list),
    "GetSecurityGroupsForVpc": ("SecurityGroupForVpcs", 5, lambda w: w.stale_vpc),
}
ASKED = {
    "DescribeLaunchTemplateVersions": lambda w: {"LaunchTemplateId": w.templates()[0]["LaunchTemplateId"]},
    "DescribeStaleSecurityGroups": lambda w: {"VpcId": w.stale_vpc},
    "GetInstanceTypesFromInstanceRequirements": lambda w: question(),
    "GetManagedPrefixListAssociations": lambda w: {"PrefixListId": w.named_list["PrefixListId"]},
    "GetManagedPrefixListEntries": lambda w: {"PrefixListId": w.long_list["PrefixListId"]},
    "GetSecurityGroupsForVpc": lambda w: {"VpcId": w.stale_vpc},
}


@pytest.fixture(scope="module")
def world(cloud):
    world = Made(cloud, cloud.create_account("paginators"))
    yield world
    world.close()


def test_every_action_that_botocore_pages_is_paged_here():
    assert PAGES.keys() | OTHERS.keys() == SERVED & OFFICIAL.keys()


@pytest.mark.parametrize("action", sorted(SERVED & OFFICIAL.keys()))
def test_pages_are_the_whole(world, action):
    answer, least, fill = (PAGES | OTHERS)[action]
    keys = OFFICIAL[action]["result_key"]
    assert answer in ([keys] if isinstance(keys, str) else keys)
    if fill is not None:
        fill(world)
    asked = ASKED.get(action, lambda _: {})(world)
    paginator = world.ec2.get_paginator(method_of(action))
    whole = paginator.paginate(**asked).build_full_result()
    pages = [page[answer] for page in paginator.paginate(**asked, PaginationConfig={"PageSize": least})]
    assert [one for page in pages for one in page] == whole[answer]
    assert all(len(page) <= least for page in pages)
    if fill is None:
        return
    assert len(pages) > 1
    # One more than a page: the walk stops within the second.
    first = paginator.paginate(**asked, PaginationConfig={"PageSize": least, "MaxItems": least + 1}).build_full_result()
    if least + 1 == len(whole[answer]):
        assert first[answer] == whole[answer]
        return
    going_on = {"PageSize": least, "StartingToken": first["NextToken"]}
    rest = paginator.paginate(**asked, PaginationConfig=going_on).build_full_result()
    assert (first[answer], first[answer] + rest[answer]) == (whole[answer][: least + 1], whole[answer])
