"""Documents that can not rot: every path, command and decision that they name exists, every link leads somewhere."""

import re
import subprocess
from pathlib import Path

import pytest
from cloud import BINARY, ROOT

DOCUMENTS = sorted(
    ROOT / path
    for path in subprocess.run(["git", "-C", ROOT, "ls-files", "*.md"], capture_output=True, text=True, check=True).stdout.split()
)
TOP_FOLDERS = {"api-gateway", "scheduler", "node-agent", "image-store", "proto", "src", "tests", "docs", "deploy", "xtask", "simulation"}


def name(document):
    return str(document.relative_to(ROOT))


def words_in_code(document):
    text = document.read_text()
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.S | re.M)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    return blocks, inline


def test_there_are_documents():
    assert {"README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/GLOSSARY.md", "docs/COVERAGE.md"} <= set(map(name, DOCUMENTS))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_to_a_file(document):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), f"{name(document)} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_exists(document):
    _, inline = words_in_code(document)
    for word in inline:
        path = re.match(r"([\w.-]+(?:/[\w.*{}-]+)+/?)", word)
        if path and path[1].split("/")[0] in TOP_FOLDERS and "NAME" not in word and "NNNN" not in word:
            found = list(ROOT.glob(path[1].rstrip("/").removeprefix("./")))
            # `src/…` in a crate's own document means that crate's.
            assert found or (document.parent / path[1]).exists(), f"{name(document)} names {path[1]}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_decision_exists(document):
    for number in re.findall(r"ADR[ -]?(\d{4})", document.read_text()):
        assert list((ROOT / "docs/adr").glob(f"{number}-*.md")), f"{name(document)} cites ADR {number}"


def test_decisions_are_numbered_without_gaps_and_all_are_listed():
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    index = (ROOT / "docs/adr/README.md").read_text()
    for record in records:
        assert record.name in index
        assert record.read_text().startswith(f"# {record.name[:4]}: ")


def help_of(*command):
    done = subprocess.run([BINARY, *command, "--help"], capture_output=True, text=True, timeout=20)
    return done.returncode == 0 and done.stdout


def freehold_commands(document):
    blocks, inline = words_in_code(document)
    lines = [line for block in blocks for line in block.splitlines()] + inline
    for line in lines:
        found = re.match(r"^\s*(?:[$#] )?(?:sudo )?freehold ((?:[a-z][a-z-]* ?)+)", line.split("#")[0] if not line.lstrip().startswith("#") else line)
        if found:
            yield line, found[1].split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_freehold_command_exists(document):
    for line, words in freehold_commands(document):
        # Words after a command's last subcommand are its arguments: `image build debian`.
        assert any(help_of(*words[:length]) for length in range(len(words), 0, -1)), line
        assert help_of(words[0]), f"{name(document)}: {line}"
        for option in re.findall(r"(?<!\S)(--[a-z-]+)", line.split("|")[0]):
            texts = [help_of(*words[:length]) or "" for length in range(1, len(words) + 1)]
            assert any(option in text for text in texts), f"{name(document)}: {option} in {line}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_xtask_exists(document):
    known = (ROOT / "xtask/src/main.rs").read_text()
    for task in re.findall(r"cargo xtask ([a-z]+)", document.read_text()):
        assert re.search(rf"\b{task.capitalize()}\b", known), f"{name(document)} names `cargo xtask {task}`"


def test_the_architecture_stays_short():
    assert len((ROOT / "docs/ARCHITECTURE.md").read_text().splitlines()) <= 300


def test_every_invariant_names_a_test_that_exists():
    text = (ROOT / "docs/ARCHITECTURE.md").read_text()
    section = text.split("\n## Invariants")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if re.match(r"\| \d+ ", line)]
    assert len(rows) >= 9
    sources = "\n".join(
        path.read_text()
        for folder in ("tests", "api-gateway", "scheduler", "node-agent", "image-store", "proto", "src")
        for pattern in ("*.rs", "*.py")
        for path in (ROOT / folder).rglob(pattern)
    )
    for row in rows:
        tests = re.findall(r"`(\w+)`", row.split("|")[-2])
        assert tests, row
        for test in tests:
            assert re.search(rf"(fn|def) {test}\b", sources), f"{test}: no such test, in {row}"
