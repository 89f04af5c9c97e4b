"""What every model promises, whatever it is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import MODELS, Ability, ColdProfileWarning, Model, check_settings, load_model
from anirec.models import made as model_made

SMALL = {
    "pure-svd": {"n_factors": 2},
    "two-stage": {"n_rounds": 20},
    "rating-net": {"embedding_dim": 4, "epochs": 60, "l2": 0.01, "patience": 5},
}
NAMES = list(MODELS)


def made(name: str) -> Model:
    return MODELS[name](**SMALL.get(name, {}))


def able_to(ability: Ability) -> list[str]:
    return [name for name in NAMES if ability in MODELS[name].CAN]


@pytest.fixture(scope="session")
def fitted(train: Interactions, features: ItemFeatures) -> dict[str, Model]:
    return {name: made(name).fit(train, features=features) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_scores_have_the_contracts_shape(name: str, fitted: dict, profiles: Interactions) -> None:
    scores = fitted[name].score(profiles)
    assert scores.shape == profiles.shape
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "popularity"])
def test_own_taste_is_scored_higher(name: str, fitted: dict, profiles: Interactions) -> None:
    scores = fitted[name].score(profiles)
    half = profiles.shape[1] // 2
    assert scores[0, 2:half].mean() > scores[0, half:].mean()
    assert scores[1, half + 2 :].mean() > scores[1, :half].mean()


@pytest.mark.parametrize("name", able_to(Ability.SIMILAR))
def test_similar_anime_share_the_taste(name: str, fitted: dict) -> None:
    similar = fitted[name].similar(105, k=6)
    assert list(similar.columns) == ["anime_id", "similarity"]
    assert 105 not in similar["anime_id"].tolist()
    assert similar["similarity"].is_monotonic_decreasing
    assert (similar["anime_id"] < 112).sum() >= 5
    assert len(fitted[name].similar(105, k=1000)) == 23


@pytest.mark.parametrize("name", NAMES)
def test_loaded_model_gives_the_same_scores(
    name: str, fitted: dict, profiles: Interactions, tmp_path: Path
) -> None:
    fitted[name].save(tmp_path / "kept")
    loaded = load_model(tmp_path / "kept")
    assert type(loaded) is MODELS[name]
    assert loaded.settings == fitted[name].settings
    np.testing.assert_array_equal(loaded.score(profiles), fitted[name].score(profiles))


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_the_same_files(
    name: str, fitted: dict, train: Interactions, features: ItemFeatures, tmp_path: Path
) -> None:
    fitted[name].save(tmp_path / "a")
    made(name).fit(train, features=features).save(tmp_path / "b")
    load_model(tmp_path / "a").save(tmp_path / "c")

    def files_of(folder: str) -> list[Path]:
        found = (tmp_path / folder).rglob("*")
        return sorted(f.relative_to(tmp_path / folder) for f in found if f.is_file())

    files = files_of("a")
    for other in ("b", "c"):
        assert files_of(other) == files
        for file in files:
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / other / file).read_bytes(), (
                file
            )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_allowed_is_out(name: str, fitted: dict, profiles: Interactions) -> None:
    allowed = np.ones(profiles.shape, dtype=bool)
    allowed[0, 3:20] = False
    scores = fitted[name].score(profiles, allowed=allowed)
    np.testing.assert_array_equal(np.isneginf(scores), ~allowed)
    scores = fitted[name].score(profiles, allowed=allowed[0])
    assert np.isneginf(scores).sum() == 2 * 17


@pytest.mark.parametrize("name", NAMES)
def test_profile_without_known_anime_gets_popularity(
    name: str, fitted: dict, train: Interactions
) -> None:
    strange = train.encode(pd.DataFrame({"user_id": [1], "anime_id": [7], "rating": [9]}))
    with pytest.warns(ColdProfileWarning, match="1 of 1 profiles hold no anime"):
        scores = fitted[name].score(strange)
    share = train.matrix().sum(axis=0) / train.shape[0]
    np.testing.assert_allclose(scores[0], share, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_use_is_told(
    name: str, fitted: dict, train: Interactions, profiles: Interactions
) -> None:
    with pytest.raises(InputError, match="not fitted: call fit first"):
        made(name).score(profiles)
    with pytest.raises(InputError, match="the profile is empty"):
        fitted[name].score(profiles.users(np.zeros(0, dtype=int)))
    others = pd.DataFrame({"user_id": [1], "anime_id": [7], "rating": [9]})
    with pytest.raises(InputError, match="of other anime"):
        fitted[name].score(Interactions.from_frame(others))
    with pytest.raises(InputError, match="anime 7 is unknown to"):
        fitted[name].column(7)
    with pytest.raises(InputError, match="no list entries"):
        made(name).fit(train.users(np.zeros(0, dtype=int)))
    misaligned = item_features(pd.DataFrame({"anime_id": [1], "genres": [["A"]]}), np.array([1]))
    with pytest.raises(InputError, match="of other anime than the lists"):
        made(name).fit(train, features=misaligned)


def test_folder_that_cannot_be_loaded_says_why(fitted: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing: run 'anirec run --from 03'"):
        load_model(tmp_path)
    fitted["ease"].save(tmp_path)
    about = json.loads((tmp_path / "model.json").read_text())
    for change, says in [
        (
            {"format": 0},
            "of format 0, and 1 is needed: rebuild it with 'anirec run --from 03 --force'",
        ),
        ({"model": "oracle"}, "unknown model 'oracle'"),
    ]:
        (tmp_path / "model.json").write_text(json.dumps(about | change))
        with pytest.raises(InputError, match=says):
            load_model(tmp_path)
    (tmp_path / "model.json").write_text('{"model": "ease"')
    with pytest.raises(InputError, match="is damaged"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(about))
    (tmp_path / "weights_.npy").unlink()
    with pytest.raises(InputError, match=r"weights_.npy is missing: rebuild"):
        load_model(tmp_path)


def test_any_users_and_items_will_do(features: ItemFeatures) -> None:
    rng = np.random.default_rng(0)
    films = pd.DataFrame(
        [
            (f"u{u}", f"film {f}", rng.uniform(0.5, 5))
            for u in range(30)
            for f in range(8)
            if (u + f) % 3
        ],
        columns=["viewer", "film", "stars"],
    )
    columns = {"user": "viewer", "item": "film", "rating": "stars"}
    lists = Interactions.from_frame(films, **columns)
    catalogue = pd.DataFrame(
        {"film": [f"film {f}" for f in range(8)], "genres": [[str(f % 2)] for f in range(8)]}
    )
    tags = item_features(catalogue, lists.anime_ids, item="film")
    new = pd.DataFrame({"viewer": ["x"], "film": ["film 3"], "stars": [4.0]})
    for name in NAMES:
        model = made(name).fit(lists, features=tags)
        assert np.isfinite(model.score(lists.encode(new, **columns))).all()
        if model.can(Ability.SIMILAR):
            assert len(model.similar("film 3", k=2)) == 2


@pytest.mark.parametrize("name", ["rating-net", "two-stage"])
def test_loading_and_scoring_need_no_heavy_libraries(
    name: str, fitted: dict, train: Interactions, tmp_path: Path
) -> None:
    fitted[name].save(tmp_path / "net")
    train.save(tmp_path / "lists.npz")
    code = (
        "import sys\n"
        "from anirec.interactions import Interactions\n"
        "from anirec.models import load_model\n"
        f"model = load_model({str(tmp_path / 'net')!r})\n"
        f"model.score(Interactions.load({str(tmp_path / 'lists.npz')!r}))\n"
        "model.similar(105)\n"
        "print(*sorted({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("name", able_to(Ability.CONTRIBUTIONS))
def test_contributions_are_the_explanations_of_several_anime(
    name: str, fitted: dict, profiles: Interactions
) -> None:
    one = profiles.users(np.array([0]))
    columns = np.array([5, 20, 7])
    models = (
        [fitted[name], fitted[name].prune(4)] if hasattr(fitted[name], "prune") else [fitted[name]]
    )
    for model in models:
        together = model.contributions(one, columns)
        for place, column in enumerate(columns):
            alone = model.explain(one, int(model.anime_ids_[column]))["contribution"]
            np.testing.assert_allclose(together[:, place], alone, rtol=1e-6)
    with pytest.raises(InputError, match="explain takes one profile, not 2"):
        fitted[name].contributions(profiles, columns)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_says_it_can_is_what_it_does(
    name: str, fitted: dict, profiles: Interactions
) -> None:
    model, one, columns = fitted[name], profiles.users(np.array([0])), np.array([5, 20])
    if model.can(Ability.SIMILAR):
        assert len(model.similar(105, k=3)) == 3
    else:
        with pytest.raises(InputError, match=f"model '{name}' knows no similar anime"):
            model.similar(105)
    if model.can(Ability.CONTRIBUTIONS):
        assert model.contributions(one, columns).shape == (one.nnz, 2)
    else:
        with pytest.raises(InputError, match="is no sum over the profile"):
            model.explain(one, 105)
    assert any(told is not None for told in model.rankings(one, np.arange(24))) == model.can(
        Ability.RANKINGS
    )
    low = replace(one, ratings=np.array([9.0, 2.0], dtype=np.float32))
    assert model.can(Ability.SIGNED) != np.array_equal(model.score(low), model.score(one))


def test_settings_are_reached_by_name() -> None:
    settings = {
        "two-stage.retriever.l2": 7,
        "two-stage.without": ["tags"],
        "two-stage.retriever.n_neighbours": None,
        "ease.l2": 3.0,
    }
    model = model_made("two-stage", settings)
    assert (model.retriever.l2, model.retriever.n_neighbours, model.without) == (
        7.0,
        None,
        ["tags"],
    )
    assert model.second.settings == model_made("two-stage").second.settings
    assert model_made("ease", settings).l2 == 3.0
    check_settings(settings)
    for wrong, says in [
        ({"ease.k": 1}, "ease has no setting 'k': choose one of l2"),
        ({"two-stage.retriever": 1}, "two-stage has no setting 'retriever': choose .*retriever.l2"),
        ({"two-stage.retriever.l3": 1}, "hybrid-ease has no setting 'l3'"),
        ({"two-stage.n_rounds.x": 1}, "two-stage has no setting 'n_rounds.x'"),
        ({"two-stage.n_rounds": "many"}, "setting two-stage.n_rounds='many' must be like 120"),
        ({"two-stage.n_rounds": True}, "setting two-stage.n_rounds=True must be like 120"),
        ({"oracle.l2": 1}, "unknown model 'oracle'"),
    ]:
        with pytest.raises(InputError, match=says):
            check_settings(wrong)
