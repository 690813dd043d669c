"""Who asks is what the signature says, and nothing else that a client can send."""

from cloud import wait_until


def test_a_header_that_names_another_account_changes_nothing(account, other_account):
    sts = account.client("sts")

    def claim(request, **_):
        request.headers["freehold-account-id"] = other_account.account_id
        request.headers["freehold-principal-arn"] = f"arn:aws:iam::{other_account.account_id}:root"

    # Before the signature is made, so that the claim is even signed.
    sts.meta.events.register("before-sign.sts.GetCallerIdentity", claim)
    assert sts.get_caller_identity()["Account"] == account.account_id


def test_two_accounts_are_told_apart(account, other_account):
    names = {a.client("sts").get_caller_identity()["Account"] for a in (account, other_account)}
    assert names == {account.account_id, other_account.account_id} and len(names) == 2


def test_a_new_account_is_let_in_at_once(cloud):
    made = cloud.create_account("fresh")
    wait_until("the new key opens the cloud", lambda: made.client("sts").get_caller_identity()["Account"] == made.account_id)
