"""From events to what is recommended: versions, switching, going back, starting again."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest

from anirec.config import InputError, Paths
from anirec.events import updating
from anirec.events.follower import Follower
from anirec.events.store import EventStore
from anirec.events.versions import Versions
from anirec.interactions import Interactions
from anirec.models import HybridEASE, TwoStage, load_model
from anirec.models.incremental import HybridSums
from anirec.recommender import LatestRecommender

DAY = 1_700_000_000


class Said(list):
    """What was said; ``told`` takes what was told of lines."""

    def __init__(self) -> None:
        self.lines: list[tuple] = []

    def __call__(self, text: str) -> None:
        self.append(text)

    def told(self, *line: object) -> None:
        self.lines.append(line)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def update(paths: Paths, said: Said):
    """Return a function that runs ``anirec update`` on a file of events."""
    return lambda source=None: updating.update(paths, source, said, said.told)


def changes(lists: pd.DataFrame, users: int = 3) -> list[dict]:
    """Return events: some people's ratings turned round, one account deleted, one newcomer."""
    ids = lists["user_id"].unique()
    some = lists[lists["user_id"].isin(ids[:users])].dropna(subset="rating")
    turned = [
        {"user": int(u), "anime": int(a), "rating": int(11 - r), "time": DAY}
        for u, a, r in some[["user_id", "anime_id", "rating"]].itertuples(index=False)
    ]
    newcomer = [
        {"user": 5_000_000, "anime": int(a), "rating": 9, "time": DAY}
        for a in lists["anime_id"].unique()[:12]
    ]
    return [*turned, *newcomer, {"op": "delete-user", "user": int(ids[-1]), "time": DAY}]


def served(paths: Paths, name: str = "hybrid-ease"):
    return load_model(Versions(paths).current().file(name))


def test_what_is_served_equals_a_refit_of_the_lists_as_they_are(
    paths, lists, write, update, said
) -> None:
    update()
    follower = update(write(*changes(lists)))
    now = follower.community.entries(follower.store.last)
    model = served(paths)
    everybody = Interactions.from_frame(now, anime_ids=model.anime_ids_)
    sums = follower.models.sums["retriever"]
    # Frozen are the constants of the lists begun with.
    refit = HybridSums.begin(
        model, everybody, follower.models.features, (sums.settings.scale_, sums.usual_length)
    ).model()
    expected = refit.score(everybody)
    assert np.abs(model.score(everybody) - expected).max() < 1e-3
    whole = served(paths, "two-stage")
    assert whole.ranker_ is not None
    np.testing.assert_array_equal(whole.stage_.retriever.anime_ids_, model.anime_ids_)
    likes = (everybody.ratings >= 8) & everybody.scored
    liked = np.bincount(everybody.indices[likes], minlength=everybody.shape[1])
    figures = whole.stage_.facts.community
    np.testing.assert_allclose(figures[:, 4], liked / everybody.shape[0], rtol=1e-5)
    assert said[-1].startswith("serving version 2 of 20")
    assert whole.score(everybody.users(np.arange(5))).shape == (5, everybody.shape[1])


def test_events_known_already_change_nothing(paths, lists, write, update, said) -> None:
    source = write(*changes(lists))
    update(source)
    version = Versions(paths).current()
    update(write(*changes(lists), name="again.jsonl"))
    assert Versions(paths).current() == version
    assert "0 events taken in" in said[-1]


def test_a_new_anime_is_recommended_today(paths, lists, write, update) -> None:
    update()
    popular = lists["anime_id"].value_counts().index[0]
    anime = pd.read_parquet(paths.processed / "anime.parquet").set_index("anime_id")
    genres = list(anime.loc[popular, "genres"])
    recommender = LatestRecommender(paths)
    new = {"op": "anime", "anime": 77_000_000, "time": DAY, "title": "Brand New Thing"}
    update(write(new | {"genres": genres, "type": "TV", "members": 10**6}))
    time.sleep(1.1)
    assert recommender.resolve("brand new thing") == 77_000_000
    assert 77_000_000 in recommender.model("two-stage").anime_ids_
    stage = recommender.model("two-stage").stage_
    run = load_model(paths.models / "two-stage").stage_
    old, new_ids = run.neighbours.anime_ids_, stage.neighbours.anime_ids_
    both = np.isin(new_ids, old)
    assert both.sum() == len(old) < len(new_ids)
    np.testing.assert_array_equal(stage.neighbours.counts_[both], run.neighbours.counts_)
    np.testing.assert_array_equal(stage.latent.factors_[both], run.latent.factors_)
    assert (stage.neighbours.weights_[both][:, both] != run.neighbours.weights_).nnz == 0
    assert not stage.neighbours.counts_[~both].any()
    liked = {int(popular): 9.0, 77_000_000: 8.0}
    assert len(recommender.recommend(liked, k=5)) == 5
    scores = recommender.model("hybrid-ease")
    column = scores.column(77_000_000)
    assert scores.weights_[:, [column]].nnz
    # Listed before the catalogue knew it: it counts once the facts come.
    listed = [
        {"user": u, "anime": 77_000_001, "time": DAY}
        for u in lists["user_id"].unique()[:9].tolist()
    ]
    follower = update(write(*listed, name="early.jsonl"))
    assert 77_000_001 not in follower.models.anime_ids
    later = new | {"anime": 77_000_001, "title": "Brand New Thing II", "genres": genres}
    follower = update(write(later, name="facts.jsonl"))
    model = served(paths)
    assert model.popularity_[model.column(77_000_001)] == pytest.approx(
        9 / follower.models.n_users, rel=1e-4
    )


def test_three_versions_are_kept_and_one_goes_back(paths, lists, write, update, said) -> None:
    events = changes(lists)
    for number in range(4):
        update(write(events[number], name=f"{number}.jsonl"))
    versions = Versions(paths)
    kept = sorted(folder.name for folder in versions.folder.glob("0*"))
    assert kept == ["00000002", "00000003", "00000004"]
    assert [versions.rollback().number for _ in range(3)] == [3, 2, 0]
    with pytest.raises(InputError, match="nothing to go back to"):
        versions.rollback()
    update()
    assert said[-1] == "serving the run's own models"
    assert versions.current().number == 0, "what was gone back from is not served again by itself"
    update(write(events[7], name="7.jsonl"))
    assert versions.current().number == 5


def test_starting_again_replays_what_the_snapshot_lacks(
    paths, lists, write, update, said, monkeypatch
) -> None:
    update()  # summed up, and kept
    monkeypatch.setattr(HybridSums, "begin", None)  # so that nothing is summed up again
    update(write(*changes(lists)))
    before = served(paths).weights_.toarray()
    Versions(paths).pointer.unlink()
    update()
    np.testing.assert_allclose(served(paths).weights_.toarray(), before, atol=1e-6)


def test_a_damaged_snapshot_is_made_anew(paths, lists, write, update, said) -> None:
    follower = update(write(*changes(lists)))
    for file in follower._folder.glob("*/retriever/squares.npy"):
        file.write_bytes(file.read_bytes()[:-4] + b"junk")
    update(write({"user": 1, "anime": int(lists["anime_id"].iloc[0]), "time": DAY}, name="b.jsonl"))
    assert any("squares.npy is damaged" in text for text in said)
    assert Versions(paths).current().number == 2


def test_models_learned_anew_are_served_until_they_know_the_events(
    paths, lists, write, update
) -> None:
    update(write(*changes(lists)))
    recommender = LatestRecommender(paths)
    assert recommender.version.number == 1
    model = load_model(paths.models / HybridEASE.NAME)
    model.save(paths.models / HybridEASE.NAME)
    time.sleep(1.1)
    assert recommender.version.number == 0
    update()
    time.sleep(1.1)
    assert recommender.version.number == 2


def test_a_version_that_cannot_be_read_leaves_the_old_one_serving(
    paths, lists, write, update
) -> None:
    update(write(*changes(lists)[:3]))
    recommender = LatestRecommender(paths)
    update(write(*changes(lists)[3:6], name="more.jsonl"))
    version = Versions(paths).current()
    (version.file("two-stage") / "model.json").write_text("{")
    time.sleep(1.1)
    assert recommender.version.number == 1
    popular = int(lists["anime_id"].value_counts().index[0])
    assert len(recommender.recommend({popular: 9.0}, k=5)) == 5


def test_a_dry_run_changes_nothing(paths, lists, write, said) -> None:
    source = write(*changes(lists), {"user": 1})
    updating.dry_run(paths, source, said, said.told)
    assert not EventStore.of("sample").last
    assert "1 accounts deleted" in said[0] and "1 lines would be rejected" in said[0]
    assert said.lines[0][1:] == (len(changes(lists)) + 1, "time is missing")


def test_following_takes_in_what_grows_and_stops_at_a_word(paths, lists, write, said, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    rounds = []

    def after_round(follower: Follower) -> Follower:
        rounds.append(Versions(paths).current().events)
        if len(rounds) == 1:
            lines = "".join(json.dumps(event) + "\n" for event in changes(lists))
            (folder / "a.jsonl").write_text(lines)
        if rounds[-1] == len(changes(lists)):
            raise KeyboardInterrupt
        return follower

    with pytest.raises(KeyboardInterrupt):
        updating.follow(paths, str(folder), said, said.told, after_round)
    assert rounds[0] == 0 and rounds[-1] == len(changes(lists))


def test_without_models_events_are_kept_all_the_same(tmp_path, monkeypatch, write, said) -> None:
    monkeypatch.setenv("ANIREC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(tmp_path / "out"))
    source = write({"user": 1, "anime": 5, "time": DAY})
    updating.update(Paths.of("sample"), source, said, said.told)
    assert EventStore.of("sample").last == 1
    assert "no fitted models yet" in said[-1]


def test_a_two_stage_without_a_ranker_follows_too(paths, lists, write, update) -> None:
    two_stage = load_model(paths.models / TwoStage.NAME)
    two_stage.ranker_, two_stage.chance_, two_stage.n_learned_ = None, None, np.array([0, 0])
    two_stage.save(paths.models / TwoStage.NAME)
    update(write(*changes(lists)))
    assert served(paths, "two-stage").ranker_ is None


def test_a_box_goes_on_with_the_new_version_and_says_so(paths, lists, write, update) -> None:
    from anirec.app.box import RecommenderBox

    update(write(*changes(lists)[:3]))
    box = RecommenderBox(LatestRecommender(paths), k=5)
    assert "Recommended by version 1 of" in box.foot
    update(write(*changes(lists)[3:6], name="more.jsonl"))
    time.sleep(1.1)
    box.refresh()
    assert "Recommended by version 2 of" in box.foot
