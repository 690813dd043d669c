"""`freehold image import`: what is not the disk it is said to be is refused with a reason, and leaves nothing behind."""

import os
import subprocess

import pytest

MIB = 1 << 20


def qemu_img(*arguments):
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True, timeout=60)


@pytest.fixture
def raw(tmp_path):
    disk = tmp_path / "disk.raw"
    disk.write_bytes(os.urandom(MIB) + bytes(3 * MIB) + os.urandom(MIB))
    return disk


@pytest.fixture
def qcow2(raw):
    disk = raw.with_suffix(".qcow2")
    qemu_img("convert", "-c", "-f", "raw", "-O", "qcow2", raw, disk)
    return disk


def with_backing_file(qcow2):
    top = qcow2.with_name("top.qcow2")
    qemu_img("create", "-f", "qcow2", "-F", "qcow2", "-b", qcow2, top)
    return top


def with_data_file(qcow2):
    disk = qcow2.with_name("data.qcow2")
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={qcow2.with_name('data.raw')}", disk, "1M")
    return disk


def truncated(qcow2):
    disk = qcow2.with_name("cut.qcow2")
    disk.write_bytes(qcow2.read_bytes()[: MIB // 2])
    return disk


def huge(qcow2):
    disk = qcow2.with_name("huge.qcow2")
    qemu_img("create", "-f", "qcow2", "-o", "cluster_size=2M", disk, "20T")
    return disk


def stores(cloud):
    """The images, and the files of the image store's manifests."""
    manifests = sorted(path.name for path in cloud.folder.rglob("manifests/*"))
    return cloud.json("image", "ls"), manifests


@pytest.mark.parametrize(
    ("make", "reason"),
    [(with_backing_file, "backing file"), (with_data_file, "another file"), (truncated, "truncated"), (huge, "more than")],
)
def test_a_hostile_disk_is_refused_and_leaves_nothing(cloud, qcow2, make, reason):
    before = stores(cloud)
    refused = cloud.freehold("image", "import", make(qcow2), "--format", "qcow2", "--name", "hostile", check=False)
    assert refused.returncode != 0
    assert reason in refused.stderr
    assert stores(cloud) == before


@pytest.mark.parametrize(("suffix", "stated"), [(".qcow2", "raw"), (".raw", "qcow2")])
def test_the_stated_format_is_verified(cloud, raw, qcow2, suffix, stated):
    before = stores(cloud)
    refused = cloud.freehold("image", "import", raw.with_suffix(suffix), "--format", stated, "--name", "mistaken", check=False)
    assert refused.returncode != 0
    assert "--format" in refused.stderr
    assert stores(cloud) == before


def test_a_disk_is_the_same_in_either_format_and_stored_once(cloud, raw, qcow2):
    first = cloud.json("image", "import", raw, "--format", "raw", "--name", "as-raw")
    second = cloud.json("image", "import", qcow2, "--format", "qcow2", "--name", "as-qcow2")
    assert first["manifest"] == second["manifest"]
    assert (first["blocks"], first["new_blocks"], second["new_blocks"]) == (4, 4, 0)
    for made in (first, second):
        cloud.freehold("image", "deregister", made["image_id"])
