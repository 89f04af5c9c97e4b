"""Cells: what the dumps write, read back."""

from __future__ import annotations

import html
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anirec.datasets import parsing
from anirec.datasets.parsing import SEASONS, BadCell

DAYS = st.dates(date(1901, 1, 1), date(2039, 12, 31))
PARSERS = (
    *(parsing.aired, parsing.premiered, parsing.duration, parsing.episodes, parsing.rank_number),
    *(parsing.score, parsing.count, parsing.anime_id, parsing.user_id, parsing.day),
    *(parsing.names, parsing.title, parsing.text, parsing.synopsis, parsing.anime_type),
    parsing.gender,
)


def spelled(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"


@given(st.one_of(st.text(), st.text("0123456789 ,.-:/+TZtoperminhsec?", max_size=30)))
def test_any_text_is_read_or_refused_as_a_bad_cell(text: str) -> None:
    for parse in PARSERS:
        try:
            parse(text)
        except BadCell as error:
            assert str(error)


@given(DAYS, DAYS)
def test_aired_span(one: date, other: date) -> None:
    first, last = sorted((one, other))
    assert parsing.aired(f"{spelled(first)} to {spelled(last)}") == (first, last)
    assert parsing.aired(f"{spelled(first)} to ?") == (first, None)
    assert parsing.aired(spelled(first)) == (first, first)
    if first < last:
        with pytest.raises(BadCell, match="ends before it begins"):
            parsing.aired(f"{spelled(last)} to {spelled(first)}")


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Not available", (None, None)),
        ("UNKNOWN", (None, None)),
        ("2001", (date(2001, 1, 1), date(2001, 1, 1))),
        ("Sep 2001", (date(2001, 9, 1), date(2001, 9, 1))),
        ("2001 to ?", (date(2001, 1, 1), None)),
        ("Oct 1999 to Mar 24, 2000", (date(1999, 10, 1), date(2000, 3, 24))),
        ("Feb 29, 2004", (date(2004, 2, 29), date(2004, 2, 29))),
    ],
)
def test_aired_in_the_other_spellings_of_the_dumps(text: str, days: tuple) -> None:
    assert parsing.aired(text) == days


@pytest.mark.parametrize(
    "text", ["Feb 30, 2004", "Jan 1, 0001", "2099", "soon", "1, 2001", "Foo 2001"]
)
def test_aired_that_cannot_be(text: str) -> None:
    with pytest.raises(BadCell):
        parsing.aired(text)


@given(st.sampled_from(SEASONS), st.integers(1900, 2040), st.sampled_from([str.lower, str.title]))
def test_premiered(season: str, year: int, case) -> None:
    assert parsing.premiered(case(f"{season} {year}")) == (year, season)


@given(st.integers(0, 9), st.integers(0, 59), st.integers(0, 59), st.booleans(), st.booleans())
def test_duration(hours: int, minutes: int, seconds: int, dots: bool, per_episode: bool) -> None:
    dot = "." if dots else ""
    parts = [
        f"{n} {unit}{dot}" for n, unit in ((hours, "hr"), (minutes, "min"), (seconds, "sec")) if n
    ]
    text = " ".join(parts) + (f" per ep{dot}" if per_episode else "")
    if parts:
        assert parsing.duration(text) == pytest.approx(hours * 60 + minutes + seconds / 60)
    else:
        assert parsing.duration("Unknown") is None


@given(st.integers(0, 2**31 - 1), st.sampled_from(["{}", "{}.0", " {} ", "+{}"]))
def test_whole_numbers(number: int, form: str) -> None:
    assert parsing.count(form.format(number)) == number


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (parsing.count, "-1", "negative"),
        (parsing.count, "1.5", "not a whole number"),
        (parsing.count, "99999999999", "out of range"),
        (parsing.count, "inf", "not a number"),
        (parsing.count, "1_000", "not a number"),
        (parsing.episodes, "40000", "out of range"),
        (parsing.score, "10.01", "out of range"),
        (parsing.score, "0.5", "out of range"),
        (parsing.duration, "long", "not a duration"),
        (parsing.premiered, "autumn 2000", "not a season"),
        (parsing.anime_type, "Radio", "not a known value"),
    ],
)
def test_reasons(parse, text: str, reason: str) -> None:
    with pytest.raises(BadCell, match=reason):
        parse(text)


@pytest.mark.parametrize("text", ["", "UNKNOWN", "Unknown", "nan", " ", "N/A", "?"])
def test_words_for_a_missing_value(text: str) -> None:
    for parse in (parsing.count, parsing.score, parsing.episodes, parsing.duration, parsing.names):
        assert parse(text) is None


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1))
def test_html_entities_of_titles_are_decoded(title: str) -> None:
    assert parsing.title(html.escape(title)) == title


@pytest.mark.parametrize("cell", [r"\N", " ", "None found, add some", r" \n "])
def test_what_is_missing_in_every_column(cell: str) -> None:
    for parse in (parsing.count, parsing.text, parsing.title, parsing.names, parsing.anime_type):
        assert parse(cell) is None
    assert parsing.aired(cell) == (None, None)


def test_names_among_which_some_are_missing() -> None:
    assert parsing.names(r"Drama, \N, Comedy, None found, add some, ") == ["Drama", "Comedy"]


def test_titles_of_the_dumps() -> None:
    assert parsing.title("Gintama&#039;") == "Gintama'"
    assert parsing.title("&quot;Bungaku Shoujo&quot; Movie") == '"Bungaku Shoujo" Movie'
    assert parsing.title("Blade &amp; Soul") == "Blade & Soul"
    assert parsing.title("☆ ★ √ ␣ °") == "☆ ★ √ ␣ °"
    assert parsing.title("Unknown") == "Unknown"


@given(st.lists(st.sampled_from(["Action", "Sci-Fi", "Slice of Life", "Girls Love"]), min_size=1))
def test_names_keep_their_order_and_lose_repeats(names: list[str]) -> None:
    assert parsing.names(", ".join(names)) == list(dict.fromkeys(names))


@given(DAYS, st.sampled_from(["", "T00:00:00+00:00", "T23:59:59Z", " 12:00:00"]))
def test_days(day: date, time: str) -> None:
    assert parsing.day(f"{day.isoformat()}{time}") == day
