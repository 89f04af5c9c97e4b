"""The anime map as a page: what a visitor reads, finds and reaches, and that it asks nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anirec.analysis.anime_map import N_CLUSTERS, AnimeMap
from anirec.analysis.finding import Absence
from anirec.analysis.map_page import MAP_FILE, map_page, write_map
from anirec.config import Paths

N = 400
HOSTILE = "<img src=x onerror='window.hacked=1'>"


def flat() -> AnimeMap:
    rng = np.random.default_rng(0)
    labels = (np.arange(N) % N_CLUSTERS).astype(np.int32)
    anime = pd.DataFrame(
        {
            "title": [f"Title {i}" for i in range(N)],
            "title_english": None,
            "type": "TV",
            "year": pd.array([2000 + i % 20 for i in range(N)], dtype="Int16"),
            "score": 7.25,
            "members": pd.array([1000 - i for i in range(N)], dtype="Int32"),
        }
    )
    anime.loc[0, ["title", "title_english"]] = ["Steins;Gate", "Gate of Steins"]
    anime.loc[1, "title"] = HOSTILE
    anime.loc[2, ["title", "type", "year", "score", "members"]] = [None, None, pd.NA, np.nan, pd.NA]
    at = rng.random((N, 2)).astype(np.float32)
    at[0] = 0.5
    nearest = np.array([[(i + step) % N for step in range(1, 11)] for i in range(N)])
    names = [f"Kind {i}" for i in range(N_CLUSTERS)]
    return AnimeMap(anime, np.zeros((N, 1)), labels, names, pd.DataFrame(), at, nearest)


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def page(browser, request, tmp_path: Path) -> Iterator:
    """The page, opened from disk; when the test is over it asked for nothing else."""
    file = write_map(flat(), Paths.of("sample", output_dir=tmp_path), simulated=True)
    size = {"width": request.param, "height": 844}
    context = browser.new_context(viewport=size, has_touch=request.param < 500)
    page, asked, failures = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector("#search:enabled")
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= request.param
    context.close()
    assert failures == [] and asked == [file.as_uri()]


def colours_seen(page) -> int:
    """Return how many points of the canvas are not white."""
    return page.evaluate(
        """() => {
            const canvas = document.getElementById("map");
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let seen = 0;
            for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 60) seen += 1;
            return seen;
        }"""
    )


def where(page, row: int) -> tuple[float, float]:
    left, top = page.evaluate(f"window.map.onScreen({row})")
    box = page.locator("#map").bounding_box()
    return box["x"] + left, box["y"] + top


def test_hover_reads_and_a_click_shows_the_nearest(page) -> None:
    assert colours_seen(page) > 1000
    page.mouse.move(*where(page, 0))
    page.wait_for_selector("#tip:visible")
    assert page.locator("#tip").inner_text().split("\n") == [
        "Steins;Gate", "TV · 2000 · score 7.25 · 1,000 members",
    ]  # fmt: skip
    page.mouse.click(*where(page, 0))
    assert page.locator("#chosen h2").inner_text() == "Steins;Gate"
    near = page.locator("#chosen li strong").all_text_contents()
    assert near == [HOSTILE, "untitled", *[f"Title {i}" for i in range(3, 11)]]
    page.locator("#chosen li button").nth(2).click()
    assert page.locator("#chosen h2").inner_text() == "Title 3"
    assert page.locator("#chosen img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_search_highlights_and_the_keyboard_is_enough(page) -> None:
    page.locator("#search").focus()
    page.keyboard.type("gate of st")
    assert page.locator("#matches li").all_text_contents()[0].startswith("Steins;Gate (TV")
    assert page.evaluate("[...window.map.found]") == [0]
    before = colours_seen(page)
    page.keyboard.press("Enter")
    assert page.locator("#chosen h2").inner_text() == "Steins;Gate"
    page.locator("#map").focus()
    page.keyboard.press("Escape")
    assert page.locator("#chosen h2").count() == 0
    page.keyboard.press("0")
    page.wait_for_timeout(100)
    assert colours_seen(page) > before
    page.keyboard.press("Enter")
    assert page.locator("#chosen h2").inner_text() == "Steins;Gate"  # it lies in the middle
    for key in ("+", "ArrowLeft", "ArrowUp", "-"):
        page.keyboard.press(key)
    assert page.evaluate("window.map.view.x") < 4095 / 2 < page.evaluate("window.map.view.y")


def test_zoom_keeps_what_is_under_the_pointer(page) -> None:
    row = page.evaluate(
        """[...Array(400).keys()].find(row => {
            const [left, top] = window.map.onScreen(row);
            const { clientWidth, clientHeight } = window.map.canvas;
            return left > 60 && top > 60 && left < clientWidth / 2.5 && top < clientHeight / 2.5;
        })"""
    )
    before = where(page, row)
    page.mouse.move(*before)
    page.mouse.wheel(0, -400)
    page.wait_for_function("window.map.view.zoom > 2")
    assert where(page, row) == pytest.approx(before, abs=2)  # a pointer stands at whole pixels


def test_a_kind_is_lit_by_its_button(page) -> None:
    button = page.locator("#kinds button").nth(3)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert (
        page.evaluate("[...Array(400).keys()].filter(row => window.map.bright().has(row)).length")
        == 40
    )
    button.click()
    assert page.evaluate("window.map.bright()") is None


def test_the_page_holds_all_and_names_nobody_else(tmp_path: Path) -> None:
    text = map_page(flat(), "sample")
    assert re.search(r"default-src 'none'; script-src 'sha256-[^']+'", text)
    addresses = set(re.findall(r"https?://[^'\" <)]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert len(text) < 100_000
    paths = Paths.of("sample", output_dir=tmp_path)
    assert write_map(flat(), paths) == paths.report / MAP_FILE
    assert write_map(Absence("Which kinds?", "Too few."), paths) is None
    assert not (paths.report / MAP_FILE).exists()
