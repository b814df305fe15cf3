"""What lies beside the code and is never imported can still be wrong."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

pytestmark = pytest.mark.any_database  # files only

ROOT = Path(settings.BASE_DIR)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
APPS = {
    *("config", "distribution", "evidence", "masking", "phonepool", "sandbox", "subscribers"),
    "webhooks",
}
PINS = ["requirements.txt", "requirements-dev.txt"]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def normal(name: str) -> str:
    """A package's name as the registry compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: str) -> set[str]:
    return {normal(re.split(r"==", line)[0]) for line in pins(file)}


def pins(file: str) -> dict[str, list[str]]:
    """The digests of the files of each pin."""
    lines = text(file).replace(" \\\n    --hash=", "\t").splitlines()
    return {pin: digests for pin, *digests in (line.split("\t") for line in lines)}


def wanted(requirements: list[Any]) -> set[str]:
    """The names of requirements, without version, extras and groups."""
    texts = [one for one in requirements if isinstance(one, str)]
    return {normal(re.split(r"[\[<>=!~; ]", one)[0]) for one in texts}


@pytest.mark.parametrize("file", PINS)
def test_each_line_pins_one_version_and_names_no_place_to_get_it(file: str) -> None:
    pin = re.compile(r"[a-z0-9-]+==[0-9][\w.+!]*( ; [^:@]+)?")

    assert [line for line in pins(file) if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("file", PINS)
def test_each_pin_names_the_digests_of_its_files(file: str) -> None:
    digest = re.compile(r"sha256:[0-9a-f]{64}")

    for pin, digests in pins(file).items():
        assert digests, pin
        assert [one for one in digests if not digest.fullmatch(one)] == []


def test_every_package_asked_for_is_pinned() -> None:
    runtime = wanted(PROJECT["project"]["dependencies"])
    groups = PROJECT["dependency-groups"]

    assert runtime - pinned("requirements.txt") == set()
    assert (runtime | wanted(groups["test"]) | wanted(groups["lint"])) - pinned(PINS[1]) == set()


def test_the_development_pins_are_the_runtimes_and_more() -> None:
    runtime, development = (pins(file) for file in PINS)

    assert runtime.items() < development.items()


def test_nothing_is_locked_that_would_name_an_index() -> None:
    assert "uv.lock" in text(".gitignore").splitlines()


@pytest.mark.parametrize("secret", [".env", "var/", ".venv/"])
def test_what_is_a_persons_own_stays_out_of_the_repository(secret: str) -> None:
    assert secret in text(".gitignore").splitlines()


def test_every_app_is_checked_contracted_and_in_the_image() -> None:
    tool = PROJECT["tool"]

    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == APPS | {"tests"}
    assert set(tool["mypy"]["files"]) >= APPS
    assert set(tool["importlinter"]["root_packages"]) == APPS
    layered = {
        name.partition(".")[0]
        for contract in tool["importlinter"]["contracts"]
        for name in inside(contract)
    }
    assert layered == APPS
    assert set(re.findall(r"^COPY (\w+) \1$", text("Dockerfile"), re.M)) >= APPS


def inside(contract: dict[str, Any]) -> list[str]:
    """The apps whose own modules this contract puts in order."""
    return [*contract.get("containers", []), *contract.get("ancestors", [])]


def test_the_continuous_check_is_a_program_that_bash_understands() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def test_the_checks_commands_are_the_readmes() -> None:
    script = text(".ci/run")

    for command in re.findall(r"^python3 -m venv .*$", text("README.md"), re.M):
        *_, install, start = command.split(" && ")
        assert install.removeprefix(".venv/bin/pip install ") in script
        assert start in script


def test_the_licence_is_the_one_that_is_declared() -> None:
    licence = text("LICENSE")

    assert licence.startswith("MIT License\n\nCopyright (c) 2026 Daybreak contributors\n")
    assert PROJECT["project"]["license"] == "MIT"


TARGET = re.compile(r"""(?:\]\(|src=")(?!https?:|mailto:)([^)"\s]+)""")


def links() -> list[tuple[str, str]]:
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    pages += sorted((ROOT / "docs").rglob("*.md"))
    return [
        (str(page.relative_to(ROOT)), target)
        for page in pages
        for target in re.findall(
            r"""(?:\]\(|src=")(?!https?:|mailto:)([^)"\s]+)""", page.read_text()
        )
    ]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", text, re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        again = sum(1 for one in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", one))
        found.add(f"{anchor}-{again}" if anchor in found else anchor)
    return found


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_a_link_leads_somewhere(page: str, target: str) -> None:
    file, _, anchor = target.partition("#")
    place = (ROOT / page).parent / file if file else ROOT / page

    assert place.exists()
    assert not anchor or anchor in anchors(place), f"{place.name} has no heading #{anchor}"


def places_in_texts() -> list[tuple[str, str]]:
    """Pages of docs/ that other files send people to, with a heading perhaps."""
    command = ["git", "grep", "--untracked", "-oE", r"docs/[a-z-]+\.md(#[a-z0-9_-]+)?", "--"]
    command += ["*.py", "*.json", "*.html", "*.yml", "*.sh", ".env.example", "docs/systemd"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({tuple(line.split(":", 1)) for line in found.splitlines()})  # type: ignore[misc]


@pytest.mark.parametrize(("file", "target"), places_in_texts())
def test_a_page_that_is_named_elsewhere_exists(file: str, target: str) -> None:
    page, _, anchor = target.partition("#")

    assert (ROOT / page).exists()
    assert not anchor or anchor in anchors(ROOT / page)


def test_the_index_names_every_page_once() -> None:
    index = text("docs/index.md")
    pages = {str(one.relative_to(ROOT / "docs")) for one in (ROOT / "docs").glob("*.md")}
    named = re.findall(r"\]\(([\w-]+\.md)\)", index)

    assert sorted(named) == sorted(pages - {"index.md"})
    assert "](docs/index.md)" in text("README.md")


def files_named_in_contributing() -> list[str]:
    named = re.findall(r"`([\w./]+\.(?:py|yml|toml|txt|md|example))`", text("CONTRIBUTING.md"))
    return sorted({*named, "Dockerfile", ".dockerignore", "docs/adr"})


@pytest.mark.parametrize("name", files_named_in_contributing())
def test_the_files_that_contributing_sends_people_to_exist(name: str) -> None:
    assert (ROOT / name).exists()
