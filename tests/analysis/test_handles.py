"""Figures that can be moved: what moves them, and what stands for them on a page."""

from __future__ import annotations

import pandas as pd
import pytest

from anirec.analysis import exploration, handles
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.config import Paths
from anirec.datasets.tables import read_table


@pytest.fixture(scope="module")
def anime(tiny_run: Paths) -> pd.DataFrame:
    return read_table(tiny_run, "anime")


def test_a_filter_asks_again_of_what_is_left(anime: pd.DataFrame) -> None:
    handle = handles.filtered(anime, exploration.community_scores)
    words, first = handle.children[-1], handle.children[1].value
    everything = exploration.community_scores(anime).answer
    assert everything in words.value
    genre, kind, span = handle.controls
    genre.value = "Comedy"
    comedies = anime[
        ["Comedy" in set(names if names is not None else ()) for names in anime["genres"]]
    ]
    assert exploration.community_scores(comedies).answer in words.value
    assert handle.children[1].value != first
    kind.value = "Music"
    span.value = (span.min, span.min)
    assert "Fewer than 5 anime are left." in words.value
    assert handle.children[1].layout.display == "none"
    genre.value, kind.value, span.value = "all", "all", (span.min, span.max)
    assert everything in words.value and handle.children[1].layout.display == ""


def test_a_filter_bears_anime_without_genres_and_dates() -> None:
    bare = pd.DataFrame(
        {
            "genres": [None] * 6,
            "type": pd.Categorical([None] * 6, ["TV"]),
            "year": pd.array([None] * 6, dtype="Int16"),
            "aired_from": pd.Series([None] * 6, dtype="datetime64[s]"),
            "score": [float("nan")] * 6,
        }
    )
    handle = handles.filtered(bare, exploration.community_scores)
    assert "no community scores" in handle.children[-1].value


def test_a_slider_asks_for_its_value() -> None:
    asked = []

    def ask(value: float) -> Finding | Absence:
        asked.append(value)
        return Finding("f", "Is it?", f"At <{value:g}>.", effect=Effect(value, "", 1))

    handle = handles.slider("l2", 100.0, ask)
    assert asked == [100.0]
    handle.controls[0].value = 1000.0
    assert asked == [100.0, 1000.0]
    assert "At &lt;1000&gt;." in handle.children[-1].value


@pytest.mark.parametrize(("number", "name"), [("01", "scores"), ("03", "penalty")])
def test_pages_show_the_plain_figure_for_a_handle(number: str, name: str, tiny_run: Paths) -> None:
    (page,) = tiny_run.report.glob(f"{number}_*.html")
    text = page.read_text(encoding="utf-8")
    assert "An interactive box stands here" not in text
    assert (tiny_run.figures / f"{number}_{name}.png").is_file()
    executed = (tiny_run.outputs / f"{page.stem}.ipynb").read_text(encoding="utf-8")
    assert "application/vnd.jupyter.widget-view+json" in executed
