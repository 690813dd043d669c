"""HTTPS on one host: `freehold up` makes the authority, the certificate and a profile that believes it."""

import configparser
import stat
from pathlib import Path

import pytest
from cloud import Cloud, read_ini, wait_until


class Secure(Cloud):
    def _config(self):
        return super()._config().replace("[gateway]", "[gateway]\ntls = true")


@pytest.fixture
def secure(binary):
    cloud = Secure("simulated")
    cloud.endpoint_url = f"https://127.0.0.1:{cloud.port}"
    try:
        cloud.up()
        yield cloud
    finally:
        left = cloud.close()
        assert not left, left


def test_the_profile_believes_the_cloud_s_own_authority_and_the_cli_works_as_it_is(secure):
    config = configparser.ConfigParser()
    config.read(secure.environment["AWS_CONFIG_FILE"])
    profile = dict(config["profile freehold"])
    assert profile["endpoint_url"] == secure.endpoint_url
    bundle = Path(profile["ca_bundle"])
    assert bundle.parent == Path(secure.environment["AWS_CONFIG_FILE"]).parent and stat.S_IMODE(bundle.stat().st_mode) == 0o600
    assert "BEGIN CERTIFICATE" in bundle.read_text()
    assert secure.aws("sts", "get-caller-identity")["Account"] == secure.accounts[0].account_id
    status = secure.freehold("status")
    assert "API: answers" in status.stdout and "https://" in status.stdout


def test_up_again_changes_nothing_and_mends_a_lost_authority(secure):
    files = Path(secure.environment["AWS_CONFIG_FILE"]).parent
    before = {file.name: file.read_text() for file in files.iterdir()}
    secure.freehold("up")
    assert {file.name: file.read_text() for file in files.iterdir()} == before
    (files / "freehold-ca.pem").unlink()
    secure.freehold("up")
    assert (files / "freehold-ca.pem").read_text() == before["freehold-ca.pem"]
    assert secure.aws("sts", "get-caller-identity")["Account"] == secure.accounts[0].account_id


def test_a_key_is_disabled_at_once_also_in_one_process(secure):
    secure.freehold("account", "create", "--name", "fourth", "--profile", "fourth")
    ask = lambda: secure.aws("--profile", "fourth", "sts", "get-caller-identity", check=False)  # noqa: E731
    key = read_ini(secure.environment["AWS_SHARED_CREDENTIALS_FILE"], "fourth")["aws_access_key_id"]
    assert {k["access_key_id"]: k["active"] for k in secure.json("account", "key", "ls")}[key] is True
    assert ask().returncode == 0
    secure.freehold("account", "key", "disable", key)
    assert "InvalidClientTokenId" in ask().stderr
    secure.freehold("account", "key", "enable", key)
    wait_until("it works again", lambda: ask().returncode == 0)
    absent = secure.freehold("account", "key", "disable", "AKIAIOSFODNN7EXAMPLE", check=False)
    assert absent.returncode == 1 and "no access key" in absent.stderr
