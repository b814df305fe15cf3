from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults import teeth
from tests.faults.patches import MUTANTS, Mutant, Replacement

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mistake_can_still_be_made(mutant: Mutant, tmp_path: Path) -> None:
    for name in {change.file for change in mutant.replacements}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    mutant.apply(tmp_path)

    changed = {change.file for change in mutant.replacements}
    assert all((tmp_path / name).read_text() != (ROOT / name).read_text() for name in changed)
    for name in changed:
        compile((tmp_path / name).read_text(), name, "exec")
    assert all((ROOT / test.partition("::")[0]).exists() for test in mutant.tests)


def test_three_are_cheap_enough_for_every_change() -> None:
    assert sum(mutant.cheap for mutant in MUTANTS) == 3
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


RULE = "def answer():\n    return 42\n"
TEST = "from rule import answer\ndef test_it(): assert answer() == 42\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one rule and one test, which need none of the plugins but xdist's `-n`."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    root = tmp_path / "project"
    root.mkdir()
    (root / "rule.py").write_text(RULE)
    (root / "test_rule.py").write_text(TEST)
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    return root


def mutant(old: str, new: str) -> Mutant:
    return Mutant("one", "a mistake", (Replacement("rule.py", old, new),), ("test_rule.py",))


@pytest.mark.parametrize(
    ("old", "new", "code", "word"),
    [
        ("42", "41", 0, "1 of 1 mutants caught"),
        ("42", "6 * 7", 1, "SURVIVED one"),
        ("43", "41", 2, "rule.py has it 0 times"),
        ("n", "m", 2, "rule.py has it 2 times"),
        ("def", "fed", 2, "invalid syntax"),
    ],
)
def test_what_becomes_of_a_mistake_is_told(tree, capsys, old, new, code, word) -> None:
    assert teeth.judge([mutant(old, new)], tree) == code
    assert word in capsys.readouterr().out
    assert (tree / "rule.py").read_text() == RULE


@pytest.mark.parametrize(
    ("test", "word"),
    [
        ("def test_it(): assert False\n", "the right sources do not pass"),
        ("import pytest\n@pytest.mark.skip\ndef test_it(): ...\n", "1 skipped"),
    ],
)
def test_tests_that_say_nothing_judge_nobody(tree, capsys, test, word) -> None:
    (tree / "test_rule.py").write_text(test)

    assert teeth.judge([mutant("42", "41")], tree) == 2
    assert word in capsys.readouterr().out
