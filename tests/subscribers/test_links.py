"""Links are known by what they are, not by a few spellings; names with dots are none."""

from __future__ import annotations

import pytest

from subscribers.links import has_link


@pytest.mark.parametrize(
    "text",
    [
        "bit.ly/xyz example.com",
        "bit.ly/xyz",
        "example.com",
        "Evil.Com",
        "see example.co.in.",
        "x.y.in",
        "(pay.in)",
        "t.co/abc",
        "t.me/joinchat",
        "rao.dev",
        "RAO.KR",
        "1.2.3.4/x",
        "upi://pay",
        "mailto:x",
        "evil。com",
        "ｅｖｉｌ．ｃｏｍ",
        "evil.\u200dcom",
        "उदाहरण.भारत",
    ],
)
def test_an_address_is_a_link_however_it_is_spelled(text):
    """O8"""
    assert has_link(text)


@pytest.mark.parametrize(
    "text",
    [
        "K.Ramesh",
        "Dr.Om Prakash",
        "Ravi.Kr",
        "B.Com",
        "M.Sc.",
        "A.P.J.Abdul Kalam",
        "St.John",
        "Md.Ali",
        "H.No.5-4-3/A",
        "Ward No.12/3",
        "S/o Ram",
        "Rs.500",
        "10.5",
        "Pune.",
        "a...b",
        "12:30",
        "डॉ.राव",
        "Co. Ltd.",
        "asha@example.in",
        "note: x",
    ],
)
def test_names_numbers_and_abbreviations_are_no_links(text):
    """O8"""
    assert not has_link(text)
