"""Every part on a machine of its own, over TLS: joining, launching, speaking for oneself, renewing, a partition and its end."""

import base64
import json
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime

from cloud import BINARY, wait_until
from cryptography import x509
from cryptography.x509.oid import ExtensionOID


def states(apart, ids):
    found = apart.aws("ec2", "describe-instances", "--instance-ids", *ids)["Reservations"]
    return {i["InstanceId"]: i["State"]["Name"] for r in found for i in r["Instances"]}


def run(apart, count):
    launched = apart.aws("ec2", "run-instances", "--image-id", apart.ami(), "--instance-type", "t3.nano", "--count", str(count))
    return [i["InstanceId"] for i in launched["Instances"]]


def leaf(place):
    return x509.load_der_x509_certificate(base64.b64decode(place.credentials()["certificate"]))


def uris(certificate):
    names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def test_the_cli_as_it_is_launches_on_hosts_elsewhere(apart):
    ids = run(apart, 4)
    wait_until("they run", lambda: set(states(apart, ids).values()) == {"running"})
    apart.aws("ec2", "terminate-instances", "--instance-ids", *ids)
    wait_until("they are gone", lambda: set(states(apart, ids).values()) == {"terminated"})
    wait_until("no host holds anything", lambda: [h["instances"] for h in apart.hosts()] == [0, 0])


def test_https_is_verified_and_plain_http_is_not_spoken(apart):
    config = apart.folder / "aws/config"
    text = config.read_text()
    try:
        config.write_text("\n".join(line for line in text.splitlines() if "ca_bundle" not in line))
        refused = apart.aws("sts", "get-caller-identity", check=False)
        assert "SSL" in refused.stderr and "certificate" in refused.stderr.lower(), refused.stderr
        config.write_text(text.replace("https://", "http://"))
        assert apart.aws("sts", "get-caller-identity", check=False).returncode != 0
    finally:
        config.write_text(text)
    assert apart.aws("sts", "get-caller-identity")["Account"] == apart.account["account_id"]


def test_who_a_part_is_stands_in_its_certificate_and_its_key_is_nobody_elses(apart):
    for place, kind in [(apart.a, "host"), (apart.b, "host"), (apart.gateway, "gateway"), (apart.images, "image-store")]:
        (uri,) = uris(leaf(place))
        assert uri.startswith("freehold://") and f"/{kind}/" in uri
        folder = place.trust_folder()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600], "the credentials and no pending key"
    assert uris(leaf(apart.a)) != uris(leaf(apart.b))


def test_certificates_are_renewed_and_nothing_is_interrupted(apart):
    places = (apart.a, apart.b, apart.gateway, apart.images)
    gone = lambda: apart.scheduler.log().count("a host has gone") + sum(p.log().count("session with the scheduler ended") for p in places)  # noqa: E731
    wait_until("both hosts attend", lambda: [h["connected"] for h in apart.hosts()] == [True, True])
    before, interrupted = {place.name: leaf(place) for place in places}, gone()
    pids = {place.name: place.process.pid for place in places}
    wait_until("all have another certificate", lambda: all(leaf(p).serial_number != before[p.name].serial_number for p in places), 120)
    # The door of the gateway shows it to clients as well.
    shown = x509.load_der_x509_certificate(handshake(apart, apart.a, apart.gateway, 8773))
    assert shown.serial_number == leaf(apart.gateway).serial_number
    ended = max(certificate.not_valid_after_utc for certificate in before.values())
    wait_until("the certificates from before have ended", lambda: datetime.now(UTC) > ended, 120)
    assert {place.name: place.process.pid for place in places if place.process.poll() is None} == pids
    # Asked of a host that holds its session: what ended with a certificate would show by now.
    ids = run(apart, 2)
    wait_until("they run", lambda: set(states(apart, ids).values()) == {"running"})
    assert gone() == interrupted, "a session ended with the certificate that it was begun with"
    apart.aws("ec2", "terminate-instances", "--instance-ids", *ids)
    wait_until("they are gone", lambda: set(states(apart, ids).values()) == {"terminated"})


def handshake(apart, source, target, port):
    """The certificate that `target` shows at `port`, as seen from `source`."""
    script = (
        "import socket,ssl,sys,base64\nc=ssl.create_default_context(); c.check_hostname=False; c.verify_mode=ssl.CERT_NONE\n"
        f"s=c.wrap_socket(socket.create_connection(('{target.machine.address}',{port}),10))\nprint(base64.b64encode(s.getpeercert(True)).decode())"
    )
    done = subprocess.run(source.machine.command(sys.executable, "-c", script), capture_output=True, text=True, timeout=60, check=True)
    return base64.b64decode(done.stdout)


def other_agent(place, name):
    """The configuration of another agent on the same machine, and its folder."""
    folder = place.folder / name
    folder.mkdir()
    config = folder / "freehold.toml"
    config.write_text("".join(f'{kind}_dir = "{folder}/{kind}"\n' for kind in ("data", "run", "log")) + '[agent]\ndrivers = ["simulated"]\n')
    return config, folder


def fails(apart, place, *words, stdin=""):
    done = subprocess.run(place.machine.command(BINARY, *words), env=apart.environment, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    return done.stderr


def test_an_agent_with_the_certificate_of_another_host_does_not_start(apart):
    """By its own look at it. What the scheduler says to one without that scruple is in its own tests, over TLS."""
    config, folder = other_agent(apart.b, "thief")
    trust = folder / "data/agent/trust"
    trust.mkdir(parents=True, mode=0o700)
    for file in apart.a.trust_folder().iterdir():
        (trust / file.name).write_bytes(file.read_bytes())
    assert "holds the certificate of freehold://" in fails(apart, apart.b, "--config", config, "agent")


def test_what_is_wrong_with_a_token_is_said(apart):
    config, _ = other_agent(apart.b, "other")
    join = lambda token: fails(apart, apart.b, "--config", config, "agent", "--join", "-", stdin=token)  # noqa: E731
    assert "--for host" in join(apart.token("gateway"))
    assert "not a join token" in join("freehold-join-nonsense")
    short, made = apart.token("host", "--expires", "1s"), time.monotonic()
    wait_until("its second has passed", lambda: time.monotonic() > made + 1)
    assert "expired" in join(short)
    said = json.loads(base64.urlsafe_b64decode(apart.token().removeprefix("freehold-join-") + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(said | {"authority": "00" * 32}).encode()).decode().rstrip("=")
    assert "no scheduler of this token's cluster" in join(f"freehold-join-{forged}")


def test_a_token_that_was_used_is_of_no_use_to_another(apart):
    token = apart.token("gateway")
    config, folder = other_agent(apart.b, "gateways")
    config.write_text(config.read_text().replace("[agent]", '[gateway]\nlisten = "127.0.0.1:0"\n[agent]'))
    gateway = subprocess.Popen(
        apart.b.machine.command(BINARY, "--config", config, "gateway", "--join", token, "--name", "one"),
        env=apart.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        wait_until("it has joined", (folder / "data/gateway/trust/credentials.json").exists)
    finally:
        gateway.kill()
        gateway.wait(timeout=60)
    (folder / "data/gateway/trust/credentials.json").unlink()
    refused = lambda name, token: fails(apart, apart.b, "--config", config, "gateway", "--join", token, "--name", name)  # noqa: E731
    assert "has been used" in refused("two", token)
    assert "is part of this cluster already" in refused("one", apart.token("gateway"))


def test_joining_again_spends_nothing(apart):
    token = apart.token()
    apart.a.kill()
    identity = uris(leaf(apart.a))
    apart.a.start("--join", token)
    wait_until("it says so", lambda: "has joined before" in apart.a.log())
    wait_until("it attends", lambda: [h["connected"] for h in apart.hosts()] == [True, True])
    assert uris(leaf(apart.a)) == identity


def test_a_host_that_was_removed_joins_again_with_a_token(apart):
    host_id = uris(leaf(apart.b))[0].rsplit("/", 1)[1]
    gone = lambda: [h["host_id"] for h in apart.hosts()].count(host_id) == 0  # noqa: E731
    apart.b.kill()
    wait_until("it is silent", lambda: sorted(h["connected"] for h in apart.hosts()) == [False, True], 90)
    spent = apart.token()
    apart.scheduler.freehold("host", "rm", host_id, "--yes")
    assert gone()
    apart.b.start()
    wait_until("it is told what to do", lambda: "may join again with a token" in apart.b.log(), 60)
    assert gone()
    apart.b.kill()
    apart.b.start("--join", spent)
    wait_until("it attends", lambda: [h["connected"] for h in apart.hosts()] == [True, True], 60)
    assert "this host has joined\n" in apart.b.log() and uris(leaf(apart.b))[0].endswith(host_id)


def test_a_gateway_that_was_removed_is_refused_and_joins_again_with_a_token(apart):
    name = uris(leaf(apart.gateway))[0].rsplit("/", 1)[1]
    listed = lambda: {(p["kind"], p["name"]) for p in apart.scheduler.json("part", "ls")}  # noqa: E731
    ask = lambda: apart.aws("sts", "get-caller-identity", check=False)  # noqa: E731
    assert ask().returncode == 0 and ("gateway", name) in listed() and len([kind for kind, _ in listed() if kind == "host"]) == 2
    refused = apart.scheduler.freehold("part", "rm", "gateway", "other", "--yes", check=False)
    assert refused.returncode == 1 and "freehold part ls" in refused.stderr
    assert apart.scheduler.json("part", "rm", "gateway", name, "--yes") == {"kind": "gateway", "name": name}
    assert ask().returncode != 0 and ("gateway", name) not in listed()
    assert "hung up on a part that was removed" in apart.scheduler.log()
    apart.gateway.kill()
    # The name is its machine's by itself.
    apart.gateway.start("--join", apart.token("gateway"))
    wait_until("the API answers", lambda: ask().returncode == 0, 60)
    assert ("gateway", name) in listed()


def test_a_disabled_key_is_refused_from_the_next_request_on(apart):
    key = apart.scheduler.json("account", "key", "create", apart.account["account_id"])
    credentials = apart.folder / "aws/credentials"
    credentials.write_text(
        credentials.read_text() + f"\n[second]\naws_access_key_id = {key['access_key_id']}\naws_secret_access_key = {key['secret_access_key']}\n"
    )
    config = apart.folder / "aws/config"
    config.write_text(config.read_text() + "\n" + config.read_text().replace("profile apart", "profile second"))

    def ask():
        return apart.aws("--profile", "second", "sts", "get-caller-identity", check=False)

    for _ in range(3):
        assert ask().returncode == 0
        apart.scheduler.freehold("account", "key", "disable", key["access_key_id"])
        refused = ask()
        assert refused.returncode != 0 and "InvalidClientTokenId" in refused.stderr, refused.stderr
        apart.scheduler.freehold("account", "key", "enable", key["access_key_id"])
    assert ask().returncode == 0
    listed = {k["access_key_id"]: k["active"] for k in apart.scheduler.json("account", "key", "ls")}
    assert listed[key["access_key_id"]] is True

    # A gateway that is cut off while it is disabled, and comes back with what it kept.
    apart.gateway.machine.cut()
    apart.scheduler.freehold("account", "key", "disable", key["access_key_id"])
    apart.gateway.machine.mend()
    wait_until("it is back", lambda: apart.aws("sts", "get-caller-identity", check=False).returncode == 0)
    assert "InvalidClientTokenId" in ask().stderr
    apart.scheduler.freehold("account", "key", "rm", key["access_key_id"])
    assert key["access_key_id"] not in {k["access_key_id"] for k in apart.scheduler.json("account", "key", "ls")}


def test_a_host_that_is_cut_off_is_impaired_and_back_it_goes_on(apart):
    ids = run(apart, 2)
    wait_until("they run", lambda: set(states(apart, ids).values()) == {"running"})
    apart.a.machine.cut()
    wait_until("one host is away", lambda: sorted(h["connected"] for h in apart.hosts()) == [False, True], 90)
    assert set(states(apart, ids).values()) == {"running"}, "never absent"
    apart.a.machine.mend()
    wait_until("it is back", lambda: [h["connected"] for h in apart.hosts()] == [True, True], 90)
    apart.aws("ec2", "terminate-instances", "--instance-ids", *ids)
    wait_until("they are gone", lambda: set(states(apart, ids).values()) == {"terminated"})


def test_a_scheduler_that_was_killed_finds_its_parts_again(apart):
    apart.scheduler.kill()
    apart.scheduler.start()
    wait_until("both hosts are connected", lambda: [h["connected"] for h in apart.hosts()] == [True, True], 90)
    wait_until("commands are answered", lambda: apart.aws("sts", "get-caller-identity", check=False).returncode == 0)


# Opens a connection of HTTP/2 and calls one path; prints what came back.
CALL = """
import socket, ssl, sys
address, port, path, how = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode(), sys.argv[4]
s = socket.create_connection((address, port), 10)
if how == "tls":
    c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE; c.set_alpn_protocols(["h2"])
    s = c.wrap_socket(s)
literal = lambda name, value: bytes([0, len(name)]) + name + bytes([len(value)]) + value
headers = literal(b":method", b"POST") + literal(b":scheme", b"http") + literal(b":path", path) + literal(b":authority", b"x")
headers += literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers")
frame = lambda kind, flags, stream, body: len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body
s.settimeout(5)
heard = b""
try:
    s.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, headers) + frame(0, 1, 1, bytes(5)))
    while more := s.recv(4096):
        heard += more
except OSError:
    pass
print(heard.hex())
"""


def call(apart, place, port, path, how):
    command = apart.b.machine.command(sys.executable, "-c", CALL, place.machine.address, port, path, how)
    return bytes.fromhex(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip())


def test_without_a_certificate_no_call_gets_through(apart):
    operators, hosts, images = (
        "/freehold.operator.v1.Operator/ListAccounts", "/freehold.host.v1.Hosts/Attend", "/freehold.image.v1.ImageStore/ListManifests",
    )
    for place, port, path in [(apart.scheduler, 8774, operators), (apart.scheduler, 8774, hosts), (apart.images, 8775, images)]:
        # The image store does not even hear what is called: it shakes no hands without a certificate.
        how, what = ("refused a TLS connection", "certificate") if place is apart.images else ("refused a call", path)
        heard = lambda: sum(how in line and what in line for line in place.log().splitlines())  # noqa: B023, E731
        before = heard()
        call(apart, place, port, path, "tls")
        wait_until(f"{path} is refused", lambda: heard() > before)  # noqa: B023
        plain = call(apart, place, port, path, "plain")
        # Nothing, or an alert of TLS: not a byte of HTTP.
        assert plain == b"" or plain[0] == 0x15, plain


def test_no_machine_listens_but_at_its_own_door(apart):
    """Nothing but the doors that were configured listens on any of the machines."""
    expected = {"scheduler": {8774}, "images": {8775}, "gateway": {8773}, "a": set(), "b": set()}
    for place in apart.places:
        listed = subprocess.run(place.machine.command("ss", "-Hltn"), capture_output=True, text=True, timeout=30, check=True).stdout
        ports = {int(line.split()[3].rsplit(":", 1)[1]) for line in listed.splitlines()}
        assert ports == expected[place.name], place.name
