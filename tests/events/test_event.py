"""What is an event and what is not, and why."""

from __future__ import annotations

import time

import pytest

from anirec.events.event import BadEvent, Event

DAY = 1_700_000_000


def test_text_and_numbers_say_the_same() -> None:
    told = Event.of({"user": 7, "anime": 20, "rating": 9, "status": "completed", "time": DAY})
    as_text = {"user": "7", "anime": "20", "rating": "9", "status": "completed", "op": "set"}
    assert Event.of(as_text | {"time": "2023-11-14T22:13:20Z"}) == told
    assert Event.of(as_text | {"time": "2023-11-14T23:13:20+01:00"}) == told
    assert Event.of(as_text | {"time": "2023-11-14 22:13:20"}) == told
    assert told.time == DAY * 10**6


def test_what_is_empty_is_absent() -> None:
    event = Event.of({"user": 7, "anime": 20, "rating": "", "status": None, "time": DAY})
    assert (event.rating, event.status, event.op) == (None, None, "set")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user": None}, "user is missing"),
        ({"user": -1}, "user -1 is no whole number from 0"),
        ({"user": "Xinil"}, "user 'Xinil' is no whole number"),
        ({"user": True}, "user True is no whole number"),
        ({"anime": 0}, "anime 0 is no whole number from 1"),
        ({"anime": 1.5}, "anime 1.5 is no whole number"),
        ({"anime": 2**31}, "is no whole number"),
        ({"rating": 11}, "rating 11 is no whole number from 1 to 10"),
        ({"rating": 7.5}, "rating 7.5 is no whole number"),
        ({"rating": float("nan")}, "rating nan is no whole number"),
        ({"status": "seen"}, "unknown status 'seen'"),
        ({"op": "drop"}, "unknown op 'drop'"),
        ({"time": None}, "time is missing"),
        ({"time": "yesterday"}, "neither ISO 8601 nor seconds"),
        ({"time": float("inf")}, "neither ISO 8601 nor seconds"),
        ({"time": -5}, "before 1970"),
        ({"time": time.time() + 10**6}, "in the future"),
        ({"name": "Xinil"}, "unknown key 'name'"),
    ],
)
def test_a_bad_line_says_why(changes: dict, reason: str) -> None:
    with pytest.raises(BadEvent, match=reason):
        Event.of({"user": 1, "anime": 20, "rating": 8, "time": DAY} | changes)


def test_facts_are_told_beside_the_keys_or_apart() -> None:
    beside = {"op": "anime", "anime": 99, "time": DAY, "title": "New", "genres": ["Drama"]}
    apart = {"op": "anime", "anime": 99, "time": DAY}
    apart["facts"] = '{"title": "New", "genres": ["Drama"]}'
    assert Event.of(beside) == Event.of(apart)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"titel": "New"}, "unknown fact 'titel'"),
        ({"genres": "Drama"}, "genres 'Drama' is no list of texts"),
        ({"episodes": "many"}, "episodes 'many' is no number"),
        ({"aired_from": "soon"}, "aired_from 'soon' is no date"),
        ({"facts": "{"}, "facts are no JSON"),
        ({"facts": "[1]"}, "facts are no object"),
    ],
)
def test_bad_facts_say_why(facts: dict, reason: str) -> None:
    with pytest.raises(BadEvent, match=reason):
        Event.of({"op": "anime", "anime": 99, "time": DAY} | facts)
