"""Key pairs by way of the API, with the machine's own tools as the judge of formats and fingerprints."""

import base64
import hashlib
import uuid

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


def code_of(failure):
    return failure.value.response["Error"]["Code"]


@pytest.fixture
def key_name(ec2):
    name = f"key-{uuid.uuid4()}"
    yield name
    ec2.delete_key_pair(KeyName=name)


def colons(digest):
    return ":".join(f"{byte:02x}" for byte in digest)


def openssh(private):
    return private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


def test_a_created_rsa_key_is_pkcs1_and_has_the_sha1_of_its_pkcs8(ec2, key_name):
    made = ec2.create_key_pair(KeyName=key_name)
    assert made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    private = serialization.load_pem_private_key(made["KeyMaterial"].encode(), None)
    assert private.key_size == 2048
    der = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert made["KeyFingerprint"] == colons(hashlib.sha1(der).digest())
    (shown,) = ec2.describe_key_pairs(KeyNames=[key_name], IncludePublicKey=True)["KeyPairs"]
    assert shown["PublicKey"].encode().startswith(openssh(private))
    assert (shown["KeyPairId"], shown["KeyFingerprint"], shown["KeyType"]) == (made["KeyPairId"], made["KeyFingerprint"], "rsa")


def test_a_created_ed25519_key_is_openssh_and_has_the_sha256_of_its_wire_form(ec2, key_name):
    made = ec2.create_key_pair(KeyName=key_name, KeyType="ed25519")
    private = serialization.load_ssh_private_key(made["KeyMaterial"].encode(), None)
    wire = base64.b64decode(openssh(private).split()[1])
    assert made["KeyFingerprint"] == base64.b64encode(hashlib.sha256(wire).digest()).decode()


def test_an_imported_rsa_key_has_the_md5_of_its_public_der(ec2, key_name):
    private = rsa.generate_private_key(65537, 2048)
    made = ec2.import_key_pair(KeyName=key_name, PublicKeyMaterial=openssh(private) + b" me@home")
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert made["KeyFingerprint"] == colons(hashlib.md5(der).digest())


@pytest.mark.parametrize("private", [rsa.generate_private_key(65537, 3072), ec.generate_private_key(ec.SECP256R1())])
def test_a_key_that_ec2_does_not_take_is_refused(ec2, private):
    with pytest.raises(ClientError) as failure:
        ec2.import_key_pair(KeyName="refused", PublicKeyMaterial=openssh(private))
    assert code_of(failure) == "InvalidKey.Format"


def test_a_name_is_taken_once(ec2, other_ec2, key_name):
    material = openssh(ed25519.Ed25519PrivateKey.generate())
    ec2.import_key_pair(KeyName=key_name, PublicKeyMaterial=material)
    with pytest.raises(ClientError) as failure:
        ec2.import_key_pair(KeyName=key_name, PublicKeyMaterial=material)
    assert code_of(failure) == "InvalidKeyPair.Duplicate"
    theirs = other_ec2.import_key_pair(KeyName=key_name, PublicKeyMaterial=material)
    assert [key["KeyPairId"] for key in other_ec2.describe_key_pairs(KeyNames=[key_name])["KeyPairs"]] == [theirs["KeyPairId"]]
    other_ec2.delete_key_pair(KeyPairId=theirs["KeyPairId"])


def test_the_waiter_sees_a_key_and_a_deleted_one_is_gone(ec2, key_name):
    ec2.create_key_pair(KeyName=key_name, KeyType="ed25519")
    ec2.get_waiter("key_pair_exists").wait(KeyNames=[key_name], WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    ec2.delete_key_pair(KeyName=key_name)
    with pytest.raises(ClientError) as failure:
        ec2.describe_key_pairs(KeyNames=[key_name])
    assert code_of(failure) == "InvalidKeyPair.NotFound"
    assert ec2.delete_key_pair(KeyName=key_name)["Return"], "deleting by name succeeds though nothing is there"


def test_a_dry_run_makes_no_key(ec2):
    with pytest.raises(ClientError) as failure:
        ec2.create_key_pair(KeyName="dry", KeyType="ed25519", DryRun=True)
    assert code_of(failure) == "DryRunOperation"
    assert ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": ["dry"]}])["KeyPairs"] == []


def test_a_putty_key_is_refused_by_name(ec2):
    with pytest.raises(ClientError) as failure:
        ec2.create_key_pair(KeyName="putty", KeyFormat="ppk")
    assert code_of(failure) == "UnsupportedOperation"
    assert "KeyFormat" in failure.value.response["Error"]["Message"]
