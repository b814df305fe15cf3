"""Generated lists: each row is read with exactly its values, or refused with a reason."""

from __future__ import annotations

import pytest

from tests.subscribers import list_files


@pytest.mark.parametrize(("texts", "workbooks"), [(300, 0), (0, 20)], ids=["texts", "workbooks"])
def test_each_row_of_a_list_is_read_exactly_or_refused(texts, workbooks):
    """P1, P2, P4, P6, O7, O13: encodings, delimiters, quoting, padding, sheets, types, scripts"""
    counts, wrong = list_files.check(7, texts, workbooks)

    assert wrong == []
    assert 0 < counts["faulty rows"] < counts["rows"] / 2


def test_the_comparison_notices_a_reader_that_cuts_a_value(monkeypatch):
    monkeypatch.setattr("subscribers.details.values.clean_line", lambda text: text.strip()[:5])

    assert list_files.check(7, 40, 0)[1]
