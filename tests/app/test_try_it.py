"""The page to try before installing: the same recommendations as Python's, in one offline file."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from anirec.app import try_it
from anirec.config import Paths
from anirec.lists import to_xml
from anirec.models import load_model
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender

PROFILES = 200
STATUSES = (None, "completed", "watching", "on_hold", "dropped", "plan_to_watch")


@pytest.fixture(scope="module")
def recommender(tiny_run: Paths) -> AnimeRecommender:
    return AnimeRecommender.load(tiny_run)


@pytest.fixture(scope="module")
def file(tiny_run: Paths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the tiny run, somewhere else."""
    file = tmp_path_factory.mktemp("try") / "elsewhere.html"
    file.write_bytes((tiny_run.report / try_it.FILE_NAME).read_bytes())
    return file


@pytest.fixture
def page(browser, file: Path) -> Iterator:
    """The page, opened from disk; when the test is over it asked for nothing else."""
    context = browser.new_context(viewport={"width": 380, "height": 800})
    page, asked, failures = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector("#search:enabled")
    yield page
    context.close()
    assert failures == []
    local = (file.as_uri(), "data:", "blob:")
    assert [url for url in asked if not url.startswith(local)] == []


def random_profiles(recommender: AnimeRecommender) -> list[Profile]:
    """Return lists of 1 to 40 anime, the popular ones more often, of every kind of entry."""
    rng = np.random.default_rng(0)
    anime = recommender.anime
    members = anime["members"].fillna(0).to_numpy(dtype=float) + 1
    profiles = []
    for _ in range(PROFILES):
        size = int(rng.integers(1, 41))
        ids = rng.choice(anime.index, size, replace=False, p=members / members.sum())
        entries = {int(ids[0]): Entry(liked=True)}
        for anime_id in ids[1:]:
            rating = float(rng.integers(1, 11)) if rng.random() < 0.7 else None
            liked = [None, None, None, True, False][rng.integers(5)]
            status = STATUSES[rng.integers(len(STATUSES))]
            entries[int(anime_id)] = Entry(rating, status, liked)
        profiles.append(Profile(entries))
    return profiles


def told(profile: Profile) -> list:
    """Return a profile as the page's browser keeps it."""
    return [
        [anime_id, {"rating": e.rating, "liked": e.liked, "status": e.status}]
        for anime_id, e in profile.items()
    ]


RECOMMENDED = """lists => lists.map(list => {
    const { recommender } = window.page;
    const profile = new Map(list.map(([id, entry]) => [recommender.rowOf.get(id), entry]));
    return recommender.recommend(profile, 10).map(({ row, match, because }) => ({
        id: recommender.anime.id[row], match, because,
    }));
})"""


def test_its_ten_are_exactly_those_of_python_and_almost_those_of_all_weights(
    page, tiny_run, recommender
):
    profiles = random_profiles(recommender)
    answers = page.evaluate(RECOMMENDED, [told(profile) for profile in profiles])
    model = load_model(tiny_run.models / "hybrid-ease")
    data = try_it.packed(recommender.catalogue, model, "sample")
    on_packed = AnimeRecommender.load(tiny_run)
    on_packed._models["hybrid-ease"] = try_it.unpacked(data, recommender.catalogue, model)
    kept = 0
    for profile, answer in zip(profiles, answers, strict=True):
        frame = on_packed.recommend(profile, k=10, model="hybrid-ease")
        assert [one["id"] for one in answer] == frame["anime_id"].tolist()
        np.testing.assert_allclose([one["match"] for one in answer], frame["match"], atol=1e-6)
        assert [one["because"] for one in answer] == frame["because"].tolist()
        whole = recommender.recommend(profile, k=10, model="hybrid-ease")["anime_id"]
        kept += len(set(whole) & {one["id"] for one in answer})
    assert kept >= 0.95 * 10 * PROFILES


def test_what_is_packed_comes_out_again(tiny_run, recommender):
    model = load_model(tiny_run.models / "hybrid-ease")
    data = try_it.packed(recommender.catalogue, model, "sample")
    weights = try_it.unpacked(data, recommender.catalogue, model).weights_.toarray()
    original = model.weights_.toarray()
    # A code is half a level off at most, and a weight goes with the square of its code.
    step = np.abs(original).max(axis=1, keepdims=True) / try_it.LEVELS
    assert (np.abs(weights - original) <= 1.01 * step).all()
    assert len(gzip.decompress(data)) < 8 * model.weights_.nnz + 600 * len(recommender.anime)


def test_the_page_is_small(tiny_run):
    assert (tiny_run.report / try_it.FILE_NAME).stat().st_size < 2 * 2**20


def test_type_enter_rate_and_find_it_again(page):
    assert page.evaluate("document.querySelector('input').id") == "search"
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("steins gate")
    assert page.locator("#matches li").first.inner_text().startswith("Steins;Gate")
    page.keyboard.press("Enter")
    assert page.locator("#rows .name").all_text_contents() == ["Steins;Gate"]
    assert page.locator("#cards li").count() == 10
    assert "Because you liked Steins;Gate" in page.locator("#cards li").first.inner_text()
    page.fill("#search", "one peice")
    page.keyboard.press("Enter")
    page.locator("#rows select").first.select_option("10")
    before = page.locator("#cards h3").all_text_contents()
    page.reload()
    page.wait_for_selector("#search:enabled")
    assert page.locator("#rows .name").all_text_contents() == ["One Piece", "Steins;Gate"]
    assert page.locator("#cards h3").all_text_contents() == before
    page.get_by_role("button", name="Not for me").last.click()
    assert len(page.locator("#rows .name").all_text_contents()) == 3
    page.get_by_role("button", name="Show more").click()
    assert page.locator("#cards li").count() == 20
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    page.get_by_role("button", name="Delete everything").click()
    page.reload()
    page.wait_for_selector("#search:enabled")
    assert page.locator("#rows .name").count() == 0


@pytest.mark.parametrize("compressed", [False, True])
def test_an_export_of_myanimelist_is_taken_in(page, recommender, compressed):
    anime = recommender.anime
    best = anime[anime["mal_id"].notna()].nlargest(30, "members").index
    entries = {int(a): Entry(5 + i % 6, "completed") for i, a in enumerate(best)}
    content = to_xml(Profile(entries), recommender.catalogue).encode()
    name = "list.xml.gz" if compressed else "list.xml"
    buffer = gzip.compress(content) if compressed else content
    files = {"name": name, "mimeType": "text/xml", "buffer": buffer}
    page.set_input_files("#import", files)
    page.wait_for_selector("text=30 titles taken from")
    ids = page.evaluate("window.page.recommender.recommend(window.page.profile).map(r => r.row)")
    assert len(ids) == 10
    damaged = {"name": "a.xml", "mimeType": "text/xml", "buffer": b"<html>no</html>"}
    page.set_input_files("#import", damaged)
    page.wait_for_selector(".error:has-text('no MyAnimeList export')")
    assert page.locator("#count").inner_text() == "30 titles"


def test_text_from_data_is_shown_as_text(page):
    page.evaluate(
        """() => {
            window.page.anime.title[0] = '<img src=x onerror="window.hacked=1">';
            window.page.set(0, { liked: true });
        }"""
    )
    assert page.locator("#rows img, #cards img").count() == 0
    assert page.evaluate("window.hacked") is None
