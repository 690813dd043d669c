"""Nobody acts under a name without its secret, and no byte of what was signed can be changed on the way."""

import urllib.request

import pytest
from botocore.exceptions import ClientError

from cloud import wait_until
from signed import Request, now

EXPIRED = {"ec2": (400, "RequestExpired"), "sts": (403, "SignatureDoesNotMatch")}
MISMATCH = {"ec2": (401, "AuthFailure"), "sts": (403, "SignatureDoesNotMatch")}
UNKNOWN = {"ec2": (401, "AuthFailure"), "sts": (403, "InvalidClientTokenId")}


def request(account, service, **options):
    action = {"ec2": "DescribeRegions", "sts": "GetCallerIdentity"}[service]
    return Request(account, action, service=service, **options)


@pytest.fixture(params=["ec2", "sts"])
def service(request):
    return request.param


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_is_signed_is_answered(account, service, method):
    answer = request(account, service, method=method).sign().send()
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "text/xml;charset=UTF-8"


def test_a_presigned_address_works_without_any_header(account):
    signed = request(account, "sts", method="GET").presign()
    with urllib.request.urlopen(f"http://{signed.endpoint}/?{signed.query}", timeout=60) as response:
        assert account.account_id in response.read().decode()


def test_a_presigned_address_of_an_sdk_works(account):
    client = account.client("sts")
    address = client.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    with urllib.request.urlopen(address, timeout=60) as response:
        assert account.account_id in response.read().decode()


def test_a_wrong_secret_is_refused(account, service):
    assert request(account, service).sign(secret="wrong").send().refused == MISMATCH[service]
    assert request(account, service, method="GET").presign(secret="wrong").send().refused == MISMATCH[service]


def test_the_secret_of_another_account_is_a_wrong_secret(account, other_account, service):
    assert request(account, service).sign(secret=other_account.secret_access_key).send().refused == MISMATCH[service]


def test_an_unknown_key_is_refused(account, service):
    assert request(account, service).sign(key="AKIDOFNOBODY00000000").send().refused == UNKNOWN[service]


def test_a_new_accounts_key_works_though_it_was_asked_for_before(cloud):
    made = cloud.create_account("new")
    wait_until("the new key works", lambda: request(made, "sts").sign().send().status == 200)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_an_old_and_a_future_date_are_refused(account, service, minutes):
    answer = request(account, service).sign(when=now(minutes=minutes)).send()
    assert answer.refused == EXPIRED[service]
    assert "clock" in answer.element("Message")


def test_a_date_a_few_minutes_off_is_accepted(account, service):
    for minutes in (-14, 14):
        assert request(account, service).sign(when=now(minutes=minutes)).send().status == 200


def test_a_presigned_address_ends(account, service):
    old = request(account, service, method="GET").presign(when=now(minutes=-2), expires=60)
    assert old.send().refused == EXPIRED[service]
    still = request(account, service, method="GET").presign(when=now(minutes=-30), expires=3600)
    assert still.send().status == 200
    week = request(account, service, method="GET").presign(expires=604801)
    assert week.send().refused == (400, "IncompleteSignature")


def test_a_changed_body_is_refused(account, service):
    changed = request(account, service).sign()
    changed.body = changed.body.replace(b"Version=2", b"Version=3")
    assert changed.send().refused == MISMATCH[service]


def test_a_changed_query_is_refused(account, service):
    for form in ("sign", "presign"):
        changed = getattr(request(account, service, method="GET"), form)()
        changed.query = changed.query.replace("Version=2", "Version=3")
        assert changed.send().refused == MISMATCH[service], form


def test_an_added_parameter_is_refused(account, service):
    added = request(account, service, method="GET").presign()
    added.query += "&DryRun=true"
    assert added.send().refused == MISMATCH[service]


def test_a_changed_method_or_path_is_refused(account, service):
    changed = request(account, service, method="GET").sign()
    changed.method = "POST"
    assert changed.send().refused == MISMATCH[service]
    changed = request(account, service).sign()
    changed.path = "/elsewhere"
    assert changed.send().refused == MISMATCH[service]


def test_a_request_for_another_host_is_refused(account, service):
    changed = request(account, service).sign()
    changed.headers["Host"] = "elsewhere.example"
    assert changed.send().refused == MISMATCH[service]


def test_host_has_to_be_signed(account, service):
    unsigned = request(account, service).sign()
    unsigned.headers["Authorization"] = unsigned.headers["Authorization"].replace("host;", "")
    answer = unsigned.send()
    assert answer.refused == MISMATCH[service]
    assert "Host" in answer.element("Message")


def test_an_amz_header_that_is_not_signed_is_refused(account, service):
    added = request(account, service).sign()
    added.headers["X-Amz-Security-Token"] = "somebody-elses"
    answer = added.send()
    assert answer.refused == MISMATCH[service]
    assert "x-amz-security-token" in answer.element("Message")


def test_a_session_token_that_a_key_does_not_have_is_refused(account, service):
    assert request(account, service).sign(token="a-token").send().refused == UNKNOWN[service]


def test_a_signed_header_that_is_missing_is_refused(account, service):
    missing = request(account, service).sign()
    del missing.headers["Content-Type"]
    assert missing.send().refused == MISMATCH[service]


def test_another_region_is_refused_and_the_right_one_named(account, service):
    answer = request(account, service).sign(region="eu-central-1").send()
    assert answer.refused == MISMATCH[service]
    assert "us-east-1" in answer.element("Message")


def test_no_signature_at_all_is_refused(account):
    answer = Request(account, "DescribeRegions").send()
    assert answer.refused == (403, "MissingAuthenticationToken")


@pytest.mark.parametrize("authorization", [
    "",
    "AWS4-HMAC-SHA256",
    "Basic dXNlcjpwYXNz",
    "AWS AKID:signature",
    "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/ec2/aws4_request",
    "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/ec2, SignedHeaders=host, Signature=" + "0" * 64,
    "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=zz",
])
def test_a_malformed_authorization_is_incomplete(account, authorization):
    malformed = request(account, "ec2").sign()
    malformed.headers["Authorization"] = authorization
    assert malformed.send().refused == (400, "IncompleteSignature")


def test_two_signatures_are_refused(account):
    both = request(account, "ec2", method="GET").presign()
    both.headers |= request(account, "ec2").sign().headers
    assert both.send().refused == (400, "IncompleteSignature")


def test_the_health_check_alone_needs_no_signature(account):
    health = Request(account, method="GET", path="/health")
    health.query = ""
    answer = health.send()
    assert (answer.status, answer.text) == (200, "ok\n")
    for path in ("/", "/health/", "/metrics", "/latest/meta-data/"):
        assert Request(account, method="GET", path=path).send().status == 403, path


@pytest.mark.parametrize(("name", "command", "code", "status"), [
    ("iam", lambda client: client.list_users(), "InvalidAction", 400),
    ("autoscaling", lambda client: client.describe_auto_scaling_groups(), "InvalidAction", 400),
    ("cloudwatch", lambda client: client.list_metrics(), "UnknownOperationException", 404),
    ("dynamodb", lambda client: client.list_tables(), "UnknownOperationException", 404),
    ("kms", lambda client: client.list_keys(), "UnknownOperationException", 404),
    ("sqs", lambda client: client.list_queues(), "UnknownOperationException", 404),
    ("lambda", lambda client: client.list_functions(), "UnknownOperationException", 404),
    ("ebs", lambda client: client.list_snapshot_blocks(SnapshotId="snap-0123456789abcdef0"), "UnknownOperationException", 404),
    ("route53", lambda client: client.list_hosted_zones(), "InvalidAction", 400),
    ("s3", lambda client: client.list_buckets(), "MethodNotAllowed", 405),
    ("s3", lambda client: client.put_object(Bucket="bucket", Key="a key/b", Body=b"x"), "MethodNotAllowed", 405),
])
def test_an_sdk_for_a_service_that_is_not_served_reads_that_it_is_not(account, name, command, code, status):
    with pytest.raises(ClientError) as failure:
        command(account.client(name))
    response = failure.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert "does not serve" in response["Error"]["Message"]
    assert response["ResponseMetadata"]["RequestId"]
