"""The table of filters: what is offered, and what is remembered of a choice."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from small_run import catalogue as small_catalogue

from anirec.catalogue import Catalogue, Filters
from anirec.catalogue.filters import ALL, CONTROLS, IN_ORDER
from anirec.config import InputError


def offered(catalogue: Catalogue) -> dict[str, list[str]]:
    choices = {name: control.choices(catalogue) for name, control in CONTROLS.items()}
    return {name: [text for text, _ in offers] for name, offers in choices.items() if offers}


def test_controls_that_cannot_do_anything_are_not_offered() -> None:
    known = offered(Catalogue(small_catalogue().assign(duration_min=24.0)))
    assert known["episodes"] == ["one", "2 to 13", "14 to 26"]
    assert known["time"] == ["half an hour", "two hours: one film", "an evening: twelve episodes",
                             "a weekend"]  # fmt: skip
    assert known["years"][0] == "2014"
    assert known["types"] == ["TV", "OVA", "Movie", "ONA"]
    assert {"statuses", "sources", "seasons", "min_members", "minutes"}.isdisjoint(known)
    bare = pd.DataFrame({"anime_id": [1, 2], "title": ["A", "B"]})
    assert set(offered(Catalogue(bare))) == {"franchises", "variety", "ignore_dislikes"}


def test_every_filter_is_saved_and_comes_back() -> None:
    catalogue = Catalogue(small_catalogue())
    filters = Filters(
        types=["TV"], genres=("Mecha",), years=(2003, None), min_score=7.0, franchises=ALL,
        adult=True, variety=0.5, time=(None, 300),
    )  # fmt: skip
    back = Filters.of_saved(json.loads(json.dumps(filters.saved())))
    assert (back.passing(catalogue) == filters.passing(catalogue)).all()
    assert back.saved() == {**filters.saved(), "types": ("TV",)}
    assert Filters().saved() == Filters(types=[], genres=[]).saved() == {}


def test_what_cannot_be_used_of_what_was_saved_is_left_out() -> None:
    saved = {
        "franchises": "gone", "variety": "much", "types": 7, "years": [2010], "episodes": [5, 2],
        "no_filter": 1, "min_score": 8, "time": ["a", None],
    }  # fmt: skip
    assert Filters.of_saved(saved).saved() == {"min_score": 8}
    assert Filters.of_saved({}).franchises == IN_ORDER


def test_how_much_time_there_is_counts_all_episodes() -> None:
    anime = small_catalogue().assign(duration_min=24.0)
    passes = Filters(time=(None, 300)).passing(Catalogue(anime))
    assert set(anime["anime_id"][passes]) == {4, 5, 6, 7, 8, 9}


def test_names_are_spelled_as_the_catalogue_does() -> None:
    catalogue = Catalogue(small_catalogue())
    typed = Filters.parsed(["genres=mecha, DRAMA", "types=tv", "without_genres=school"])
    spelled = typed.spelled(catalogue)
    assert (spelled.genres, spelled.types, spelled.without_genres) == (
        ("Mecha", "Drama"), ("TV",), ("School",),
    )  # fmt: skip
    with pytest.raises(InputError, match=r"filter genres: there is no 'mecca' .there is Mecha"):
        Filters(genres=["mecca"]).spelled(catalogue)
    with pytest.raises(InputError, match=r"there is no 'fall' .there is none at all"):
        Filters(seasons=["fall"]).spelled(catalogue)
