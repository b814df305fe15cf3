"""docs/architecture.md: the path of one delivery names files that exist, and stays short."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STEPS = re.findall(r"^\| (\d+) \| .+ \| `([\w/]+\.py)` \|$", PAGE, re.M)
MOST_PACKAGES = 12
MOST_APP_CHANGES = 5


def test_the_path_of_a_delivery_has_twelve_steps_in_files_that_exist() -> None:
    assert [int(number) for number, _ in STEPS] == list(range(1, 13))
    assert [file for _, file in STEPS if not (ROOT / file).is_file()] == []


def test_it_passes_through_few_packages_and_changes_app_seldom() -> None:
    packages = [Path(file).parent for _, file in STEPS]
    apps = [package.parts[0] for package in packages]

    assert len(set(packages)) <= MOST_PACKAGES
    assert sum(one != other for one, other in pairwise(apps)) <= MOST_APP_CHANGES


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.(?:py|md|toml))`", PAGE)

    assert {name for name in named if "/" in name and not (ROOT / name).exists()} == set()
