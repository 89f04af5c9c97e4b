"""TwoStage: candidates first, honest learning, exact reasons, and when it has to do without."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import HybridEASE, ItemKNN, LikedEASE, PureSVD, TwoStage, two_stage
from anirec.models.anime_facts import AnimeFacts
from anirec.models.first_stage import FirstStage
from anirec.models.leaning import GROUP
from anirec.models.ranking_features import GROUPS, Case, described

SETTINGS = {"n_candidates": 6, "n_company": 0, "n_rounds": 20, "n_threads": 1}


@pytest.fixture(scope="module")
def model(train: Interactions, features: ItemFeatures) -> TwoStage:
    return TwoStage(**SETTINGS).fit(train, features=features)


def frame(case: Case) -> pd.DataFrame:
    """Return the features of a case by name alone, a row per candidate (column)."""
    columns = {name.split(": ")[1]: values for name, values in described(case).items()}
    return pd.DataFrame(columns, index=case.candidates)


def test_candidates_come_first_then_the_retrievers_order(
    model: TwoStage, profiles: Interactions
) -> None:
    scores, retrieved = model.score(profiles), model.stage_.retriever.score(profiles)
    for row in range(2):
        listed = profiles.indices[profiles.indptr[row] : profiles.indptr[row + 1]]
        retrieved[row, listed] = -np.inf
        candidates = np.argsort(-retrieved[row])[:6]
        others = np.setdiff1d(np.arange(24), [*candidates, *listed])
        assert scores[row, candidates].min() > scores[row, others].max()
        assert scores[row, candidates].min() > scores[row, listed].max()
        by_retriever = others[np.argsort(-retrieved[row, others])]
        assert (np.diff(scores[row, by_retriever]) <= 0).all()


def test_filters_come_before_retrieval(model: TwoStage, profiles: Interactions) -> None:
    one = profiles.users(np.array([0]))
    best = np.argsort(-model.score(one)[0])[:6]
    allowed = np.ones(24, dtype=bool)
    allowed[best] = False
    scores = model.score(one, allowed=allowed)[0]
    assert np.isneginf(scores[best]).all()
    ranked = np.argsort(-scores)[:6]
    # The candidates are those allowed: the ranker, not the retriever, orders them.
    reasons = model.explain_ranking(one, int(one.anime_ids[ranked[0]]), allowed=allowed)
    assert reasons["contribution"].sum() == pytest.approx(scores[ranked[0]], abs=1e-5)
    none = model.score(one, allowed=np.zeros(24, dtype=bool))
    assert np.isneginf(none).all()


def test_reasons_add_up(model: TwoStage, profiles: Interactions) -> None:
    one = profiles.users(np.array([1]))
    scores = model.score(one)[0]
    best = int(np.argmax(scores))
    anime_id = int(one.anime_ids[best])
    terms = model.explain(one, anime_id)
    assert terms["anime_id"].tolist() == [112, 113]
    expected = model.stage_.retriever.score(one)[0, best]
    assert terms["contribution"].sum() == pytest.approx(expected, abs=1e-5)
    reasons = model.explain_ranking(one, anime_id)
    assert reasons["contribution"].sum() == pytest.approx(scores[best], abs=1e-5)
    assert len(reasons[reasons["group"] != GROUP]) == len(model.ranker_.names) + 1
    assert reasons.loc[reasons["feature"] == "entries", "value"].item() == 2
    assert reasons["group"].tolist().count("constant") == 1
    last = int(one.anime_ids[np.argmin(scores)])
    with pytest.raises(InputError, match="is no candidate for this profile"):
        model.explain_ranking(one, last)
    with pytest.raises(InputError, match="takes one profile, not 2"):
        model.explain_ranking(profiles, anime_id)


class Watched:
    """Stands for a part: remembers whose lists each of its copies was fitted to."""

    fitted_to: ClassVar[list[set]]

    def fit(self, train: Interactions, features: ItemFeatures | None = None):
        self.fitted_to.append(set(train.user_ids))
        return super().fit(train, features=features)


class WatchedKNN(Watched, ItemKNN):
    fitted_to: ClassVar[list[set]] = []


class WatchedSVD(Watched, PureSVD):
    fitted_to: ClassVar[list[set]] = []


def test_no_list_is_in_what_describes_it(
    train: Interactions, features: ItemFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught, left_out = [], []
    sample, without = TwoStage.sample, HybridEASE.without

    def spied(self: TwoStage, stage: FirstStage, lists: Interactions):
        taught.append(set(lists.user_ids))
        on_lists = np.bincount(lists.indices, minlength=lists.shape[1])
        counts = np.bincount(train.indices, minlength=train.shape[1]) - on_lists
        shares = counts / (train.shape[0] - lists.shape[0])
        for model in (stage.retriever, stage.second):
            np.testing.assert_allclose(model.popularity_, shares, rtol=1e-6)
        np.testing.assert_allclose(stage.facts.community[:, 0], shares, rtol=1e-6)
        return sample(self, stage, lists)

    def spied_without(self: HybridEASE, lists: Interactions, features, users: np.ndarray):
        left_out.append((self.NAME, set(lists.user_ids[users])))
        return without(self, lists, features, users)

    monkeypatch.setattr(TwoStage, "sample", spied)
    monkeypatch.setattr(HybridEASE, "without", spied_without)
    parts = {"neighbours": WatchedKNN(n_company=5), "latent": WatchedSVD(n_factors=2)}
    TwoStage(**SETTINGS, **parts, n_folds=3).fit(train, features=features)
    assert len(taught) == 3
    assert set.union(*taught) == set(train.user_ids[train.lengths >= two_stage.MIN_ENTRIES])
    for name in ("hybrid-ease", "liked-ease"):
        assert [users for who, users in left_out if who == name] == taught
    for part in parts.values():
        assert not hasattr(part, "anime_ids_")  # copies were fitted
        first, *folds = part.fitted_to
        assert folds == [set(train.user_ids) - these for these in taught]
        assert first == set(train.user_ids)


def test_a_fitted_part_is_taken_as_it_is_and_kept_once(
    train: Interactions, features: ItemFeatures, model: TwoStage, tmp_path: Path
) -> None:
    retriever = HybridEASE().fit(train, features=features)
    handed = TwoStage(**SETTINGS, retriever=retriever).fit(train, features=features)
    assert handed.stage_.retriever is retriever
    retriever.save(tmp_path / "hybrid-ease")
    handed.save(tmp_path / "two-stage")
    for file in (tmp_path / "hybrid-ease").iterdir():
        assert file.samefile(tmp_path / "two-stage" / "retriever" / file.name)
    loaded = TwoStage.load(tmp_path / "two-stage")
    np.testing.assert_array_equal(loaded.score(train), model.score(train))
    # What lies in the folder meanwhile is another model: it is not taken for the part.
    HybridEASE(l2=500).fit(train).save(tmp_path / "hybrid-ease")
    handed.save(tmp_path / "again")
    np.testing.assert_array_equal(
        TwoStage.load(tmp_path / "again").score(train), model.score(train)
    )
    np.testing.assert_array_equal(
        TwoStage.load(tmp_path / "two-stage").score(train), model.score(train)
    )
    # One that learned from other lists is not taken.
    others = train.users(np.arange(200))
    assert TwoStage(**SETTINGS, retriever=retriever).fit(others).stage_.retriever is not retriever


def test_settings_of_the_parts_are_kept(train: Interactions, tmp_path: Path) -> None:
    few = train.users(np.arange(60))
    parts = {"retriever": HybridEASE(l2=7), "second": LikedEASE(rest=0.1)}
    TwoStage(**parts).fit(few).save(tmp_path)
    loaded = TwoStage.load(tmp_path)
    assert (loaded.retriever.l2, loaded.second.rest) == (7, 0.1)
    assert loaded.stage_.retriever.l2 == 7


def test_learns_from_few_of_the_titles_liked_too(train: Interactions) -> None:
    long = train.users(train.lengths >= two_stage.MIN_LONG)
    most, *few = TwoStage(n_draws=1, n_few_draws=2).partings(long)
    assert most[0].lengths.mean() > 0.7 * long.lengths.mean()
    assert len(few) == 2
    assert not np.array_equal(few[0][0].lengths, few[1][0].lengths)
    for given, hidden in few:
        silent = np.bincount(given.rows, np.isnan(given.ratings)) / given.lengths
        assert set(silent) == {0, 1}
        assert (given.ratings[given.scored] >= 8).all()
        assert given.lengths.min() == 1
        assert 1 < np.median(given.lengths) <= 4
        assert 5 < given.lengths.max() <= two_stage.MOST_FEW
        assert given.nnz + hidden.nnz == long.users(np.isin(long.user_ids, given.user_ids)).nnz


def test_who_names_one_title_is_answered_by_the_ranker(
    model: TwoStage, profiles: Interactions, train: Interactions
) -> None:
    one = train.encode(pd.DataFrame({"user_id": [1], "anime_id": [100], "rating": [9]}))
    assert not np.array_equal(model.score(one), model.stage_.retriever.score(one))
    best = int(one.anime_ids[np.argmax(model.score(one)[0])])
    reasons = model.explain_ranking(one, best)
    assert reasons["contribution"].sum() == pytest.approx(model.score(one).max(), abs=1e-5)
    assert {"goes with the list", "known to few"} & set(reasons["feature"])


def test_company_are_candidates_too(model: TwoStage, train: Interactions) -> None:
    one = train.encode(pd.DataFrame({"user_id": [1], "anime_id": [100], "rating": [9]}))
    ((_, alone),) = model.stage_.cases(one, n_candidates=3)
    ((_, case),) = model.stage_.cases(one, n_candidates=3, n_company=4)
    lists = train.matrix().toarray() > 0
    shares = lists[lists[:, 0]].mean(axis=0)
    shares[0] = -1
    company = np.argsort(-shares, kind="stable")[:4]
    assert set(case.candidates) == set(alone.candidates) | set(company)
    assert (np.diff(case.scores) <= 0).all()


def test_neighbours_that_keep_no_company_add_no_candidates(
    train: Interactions, features: ItemFeatures, profiles: Interactions
) -> None:
    settings = SETTINGS | {"n_company": 3}
    model = TwoStage(neighbours=ItemKNN(k=5), **settings).fit(train, features=features)
    alone = TwoStage(neighbours=ItemKNN(k=5), **SETTINGS).fit(train, features=features)
    np.testing.assert_array_equal(model.score(profiles), alone.score(profiles))


def test_few_learners_among_many_are_left_out_for_good(
    train: Interactions, features: ItemFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two_stage, "ENOUGH", 0.8)
    model = TwoStage(**SETTINGS, max_users=40).fit(train, features=features)
    others = np.setdiff1d(np.arange(240), model._learners(train))
    assert len(others) == 200
    on_lists = np.bincount(train.users(others).indices, minlength=24) / 200
    np.testing.assert_allclose(model.stage_.facts.community[:, 0], on_lists, rtol=1e-6)


def test_too_few_lists_leave_the_retriever(
    train: Interactions, features: ItemFeatures, profiles: Interactions, tmp_path: Path
) -> None:
    few = train.users(np.arange(60))
    model = TwoStage().fit(few, features=features)
    np.testing.assert_array_equal(model.score(profiles), model.stage_.retriever.score(profiles))
    model.save(tmp_path)
    loaded = TwoStage.load(tmp_path)
    np.testing.assert_array_equal(loaded.score(profiles), model.score(profiles))
    with pytest.raises(InputError, match="there is no ranker"):
        loaded.explain_ranking(profiles.users(np.array([0])), 105)


def test_lost_ranker_is_missed(model: TwoStage, tmp_path: Path) -> None:
    model.save(tmp_path)
    (tmp_path / "ranker.ubj").unlink()
    with pytest.raises(InputError, match=r"ranker.ubj is missing: rebuild it"):
        TwoStage.load(tmp_path)


def test_left_out_groups_are_not_used(
    train: Interactions, features: ItemFeatures, profiles: Interactions
) -> None:
    model = TwoStage(**SETTINGS, without=["terms", "person"]).fit(train, features=features)
    one = profiles.users(np.array([0]))
    best = int(one.anime_ids[np.argmax(model.score(one)[0])])
    groups = set(model.explain_ranking(one, best)["group"])
    assert groups == {*GROUPS, "constant", GROUP} - {"terms", "person"}
    with pytest.raises(InputError, match="unknown group of features 'colour'"):
        TwoStage(without=["colour"])


def test_features_are_what_their_names_say(
    train: Interactions, features: ItemFeatures, model: TwoStage
) -> None:
    person = train.encode(
        pd.DataFrame(
            {"user_id": 1, "anime_id": [100, 103, 118], "rating": [9, np.nan, 4]},
        )
    )
    ((row, case),) = model.stage_.cases(person, n_candidates=5)
    assert row == 0
    told, candidates = frame(case), case.candidates
    weights = model.stage_.retriever.weights_.toarray()
    anime = candidates[0]
    terms = weights[[0, 3, 18], anime]
    assert told["place"].tolist() == [0, 1, 2, 3, 4]
    assert told.at[anime, "sum of all"] == pytest.approx(terms.sum(), abs=1e-6)
    assert told.at[anime, "sum of liked"] == pytest.approx(terms[0], abs=1e-6)
    assert told.at[anime, "sum of disliked"] == pytest.approx(terms[2], abs=1e-6)
    assert told.at[anime, "sum of not scored"] == pytest.approx(terms[1], abs=1e-6)
    assert told.at[anime, "greatest"] == pytest.approx(terms.max(), abs=1e-6)
    lists = train.matrix().toarray()[:, anime]
    ratings = train.matrix(np.nan_to_num(train.ratings)).toarray()[:, anime]
    assert told.at[anime, "popularity"] == pytest.approx(lists.mean(), rel=1e-5)
    assert told.at[anime, "share that like it"] == pytest.approx((ratings >= 8).mean(), rel=1e-5)
    assert told.at[anime, "entries"] == 3
    assert told.at[anime, "share scored"] == pytest.approx(2 / 3)
    same_genre = np.array([0, 3, 18]) // 12 == anime // 12
    assert told.at[anime, "genres match"] == pytest.approx(same_genre.mean(), abs=1e-6)
    assert told["studios match"].isna().all()


def test_parts_of_a_franchise_are_told_apart(train: Interactions) -> None:
    names = ["Kirin", "Kirin 2nd Season", "Kirin 3rd Season", "Kirin 4th Season"]
    others = [f"Lone{chr(97 + n)}" for n in range(20)]
    anime = pd.DataFrame(
        {
            "anime_id": train.anime_ids,
            "title": names + others,
            "genres": [["A"]] * 24,
            "type": "TV",
            "members": np.arange(24, 0, -1),
        }
    )
    features = item_features(anime, train.anime_ids)
    stage = FirstStage.fit(TwoStage().parts, train, features, liked_from=8.0, seed=0)
    person = train.encode(
        pd.DataFrame({"user_id": 1, "anime_id": [100, 102, 120], "rating": [9, np.nan, 5]})
    )
    ((_, case),) = stage.cases(person, n_candidates=150)
    told = frame(case).set_axis(train.anime_ids[case.candidates])
    second, fourth, alone = told.loc[101], told.loc[103], told.loc[110]
    assert second[["parts on list", "parts liked", "parts", "part"]].tolist() == [2, 1, 4, 1]
    assert fourth[["parts on list", "share on list", "part"]].tolist() == [2, 0.5, 3]
    assert second["rating of parts"] > 0
    # The first part stands before the second, the third before the fourth: it has no score.
    assert second["part before on list"] == fourth["part before on list"] == 1
    assert second["rating of part before"] > 0
    assert np.isnan(fourth["rating of part before"])
    assert (second["parts left out before"], fourth["parts left out before"]) == (-2, 0)
    assert (second["later part on list"], fourth["later part on list"]) == (1, 0)
    assert second["first part on list"] == fourth["first part on list"] == 1
    shares = np.log(train.matrix().toarray().mean(axis=0) + 1e-4)
    above = shares[1] - max(shares[0], shares[2])
    assert second["popularity above parts on list"] == pytest.approx(above, abs=1e-5)
    assert alone[["parts on list", "parts", "part before on list"]].tolist() == [0, 1, 0]
    assert np.isnan(alone["popularity above parts on list"])


def test_facts_without_side_information(train: Interactions, tmp_path: Path) -> None:
    facts = AnimeFacts.of(train, None, 8.0)
    assert np.isnan(facts.numbers).all()
    assert facts.tags.shape == (24, 0)
    facts.save(tmp_path / "k.npz")
    np.testing.assert_array_equal(AnimeFacts.load(tmp_path / "k.npz").community, facts.community)
    with pytest.raises(InputError, match=r"gone.npz is missing"):
        AnimeFacts.load(tmp_path / "gone.npz")
    model = TwoStage(**SETTINGS).fit(train)
    assert np.isfinite(model.score(train)).all()


def test_ablation_leaves_out_one_group_at_a_time(
    train: Interactions, features: ItemFeatures, model: TwoStage, profiles: Interactions
) -> None:
    variants = dict(two_stage.without_each_group(TwoStage(**SETTINGS), train, features))
    assert list(variants) == ["all", *(f"without {group}" for group in GROUPS)]
    np.testing.assert_array_equal(variants["all"].score(profiles), model.score(profiles))
    alone = TwoStage(**SETTINGS, without=["retrieval"]).fit(train, features=features)
    np.testing.assert_array_equal(
        variants["without retrieval"].score(profiles), alone.score(profiles)
    )
    with pytest.raises(InputError, match="too few lists"):
        next(two_stage.without_each_group(model, train.users(np.arange(50))))


def test_retrievers_that_keep_all_weights_rank_as_those_that_keep_as_many(
    train: Interactions, profiles: Interactions
) -> None:
    def ranked(kept: int) -> TwoStage:
        retriever = HybridEASE(**HybridEASE.STARTS | {"n_neighbours": kept})
        return TwoStage(retriever=retriever, n_rounds=5, n_threads=1).fit(train)

    whole, as_many = ranked(0), ranked(train.shape[1])
    assert isinstance(whole.stage_.second.weights_, np.ndarray)
    np.testing.assert_allclose(whole.score(profiles), as_many.score(profiles), atol=1e-3)
