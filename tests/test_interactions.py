"""The sparse lists: what is kept, how users are parted, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from anirec.config import InputError
from anirec.interactions import Interactions, hold_out, split_users


def frame(rows: list[tuple], columns: str = "user_id anime_id rating") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split()).astype({"rating": "Int8"})


@pytest.fixture
def lists() -> Interactions:
    """Users 7 and 9; anime 1, 3 and 20; user 9 has watched 20 without scoring it."""
    return Interactions.from_frame(frame([(9, 20, None), (7, 3, 8), (9, 1, 4), (7, 1, 10)]))


@pytest.fixture
def many() -> Interactions:
    """200 users with 1 to 40 entries each."""
    rng = np.random.default_rng(1)
    parts = [
        pd.DataFrame({"user_id": user, "anime_id": rng.permutation(60)[: rng.integers(1, 41)]})
        for user in range(200)
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows["rating"] = rng.integers(1, 11, len(rows)).astype(float)
    rows.loc[::5, "rating"] = np.nan
    return Interactions.from_frame(rows)


def dense(lists: Interactions) -> np.ndarray:
    """Return the ratings as a table: NaN where not scored, 0 where not on the list."""
    table = np.zeros(lists.shape)
    table[lists.rows, lists.indices] = lists.ratings
    return table


def test_unscored_entry_stays_an_entry(lists: Interactions) -> None:
    assert lists.user_ids.tolist() == [7, 9]
    assert lists.anime_ids.tolist() == [1, 3, 20]
    np.testing.assert_array_equal(dense(lists), [[10, 8, 0], [4, 0, np.nan]])
    np.testing.assert_array_equal(lists.matrix().toarray(), [[1, 1, 0], [1, 0, 1]])
    assert lists.matrix().dtype == np.float32


def test_planned_is_left_out_and_unscored_dropped_is_marked() -> None:
    rows = frame(
        [
            (1, 1, None, "plan_to_watch"),
            (1, 2, None, "dropped"),
            (1, 3, 3, "dropped"),
            (1, 4, 9, "completed"),
            (1, 5, None, None),
        ],
        "user_id anime_id rating status",
    )
    for status in (rows["status"].astype("str"), rows["status"].astype("category")):
        lists = Interactions.from_frame(rows.assign(status=status))
        assert lists.anime_ids.tolist() == [2, 3, 4, 5]
        assert lists.dropped.tolist() == [True, False, False, False]


def test_other_lists_are_encoded_on_the_same_columns(lists: Interactions) -> None:
    other = lists.encode(frame([(1, 3, 5), (1, 99, 9), (2, 99, 9)]))
    assert other.anime_ids.tolist() == [1, 3, 20]
    assert other.n_unknown == 2
    np.testing.assert_array_equal(dense(other), [[0, 5, 0], [0, 0, 0]])


def test_any_frame_of_users_and_items() -> None:
    movies = pd.DataFrame(
        {
            "who": ["ann", "bob", "ann"],
            "film": ["Heat", "Alien", "Alien"],
            "stars": [4.5, 0.5, None],
        }
    )
    lists = Interactions.from_frame(movies, user="who", item="film", rating="stars")
    assert lists.user_ids.tolist() == ["ann", "bob"]
    assert lists.anime_ids.tolist() == ["Alien", "Heat"]
    np.testing.assert_array_equal(dense(lists), [[np.nan, 4.5], [0.5, 0]])
    other = pd.DataFrame({"who": ["cat"], "film": ["Heat"], "stars": [5]})
    again = lists.encode(other, user="who", item="film", rating="stars")
    np.testing.assert_array_equal(dense(again), [[0, 5]])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (frame([(1, 1, 5), (1, 1, 6)]), "twice"),
        (frame([(1, 1, 5)]).rename(columns={"rating": "score"}), "lack the columns rating"),
        (frame([(1, 1, 5), (None, 1, 6)]), "'user_id' has rows without an id"),
        (pd.DataFrame({"user_id": [1], "anime_id": [1], "rating": ["good"]}), "holds text"),
    ],
)
def test_wrong_frames_are_refused(rows: pd.DataFrame, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Interactions.from_frame(rows)


WHOLE = [
    "int64", "uint16", "Int32", "float64", "Float32", "int32[pyarrow]", "double[pyarrow]",
    pd.ArrowDtype(pa.decimal128(25, 2)), "object", "category",
]  # fmt: skip
TEXT = [
    "str", "object", "string[python]", "string[pyarrow]", "category",
    pd.ArrowDtype(pa.large_string()), pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())),
]  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE, ids=str)
def test_whole_numbers_are_ids_however_they_are_stored(lists: Interactions, kind: object) -> None:
    rows = pd.DataFrame({"user_id": [5, 5], "anime_id": [20, 3], "rating": [7.0, 6.0]})
    rows = rows.astype({"user_id": kind, "anime_id": kind})
    made = Interactions.from_frame(rows)
    assert made.user_ids.dtype == made.anime_ids.dtype == np.int32
    assert (made.user_ids.tolist(), made.anime_ids.tolist()) == ([5], [3, 20])
    encoded = lists.encode(rows)
    assert encoded.n_unknown == 0
    np.testing.assert_array_equal(dense(encoded), [[0, 6, 7]])


@pytest.mark.parametrize("kind", TEXT, ids=str)
def test_text_is_ids_however_it_is_stored(lists: Interactions, kind: object) -> None:
    rows = pd.DataFrame({"user_id": ["ann", "ann"], "anime_id": ["20", "3"], "rating": [7, 6]})
    rows = rows.astype({"user_id": kind, "anime_id": kind})
    made = Interactions.from_frame(rows)
    assert (made.user_ids.tolist(), made.anime_ids.tolist()) == (["ann"], ["20", "3"])
    assert made.encode(rows).n_unknown == 0
    encoded = lists.encode(rows)  # the anime there have numbers: so has this text
    assert encoded.n_unknown == 0
    np.testing.assert_array_equal(dense(encoded), [[0, 6, 7]])


@pytest.mark.parametrize("kind", TEXT, ids=str)
def test_status_may_be_null_however_it_is_stored(kind: object) -> None:
    status = pd.Series(["plan_to_watch", None, "dropped", "completed"], dtype="object")
    rows = frame([(1, 1, 5), (1, 2, 5), (1, 3, None), (1, 4, None)]).assign(
        status=status.astype(kind)
    )
    lists = Interactions.from_frame(rows)
    assert lists.anime_ids.tolist() == [2, 3, 4]
    assert lists.dropped.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ([1.5, 2.0], "'anime_id' holds ids that are no whole numbers"),
        ([np.inf, 2.0], "'anime_id' holds ids that are no whole numbers"),
        ([2.0**70, 2.0], "'anime_id' holds ids that are no whole numbers"),
        ([2**70, 2], "'anime_id' holds ids that are no whole numbers"),
        ([True, False], "'anime_id' holds boolean values"),
        ([1, "two"], "'anime_id' holds mixed-integer values"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), "'anime_id' holds datetime64 values"),
        (["3", "Heat"], "'anime_id' holds 'Heat' where ids are numbers"),
    ],
)
def test_ids_that_are_none_are_refused(lists: Interactions, ids: object, says: str) -> None:
    rows = pd.DataFrame({"user_id": [1, 1], "anime_id": ids, "rating": [5, 6]})
    with pytest.raises(InputError, match=says):
        lists.encode(rows)


def test_numbers_are_not_looked_for_among_text() -> None:
    films = pd.DataFrame({"user_id": [1], "anime_id": ["Heat"], "rating": [5]})
    with pytest.raises(InputError, match="holds numbers where ids are text"):
        Interactions.from_frame(films).encode(films.assign(anime_id=[7]))


def test_no_ratings_at_all() -> None:
    lists = Interactions.from_frame(frame([]).astype({"user_id": "int32", "anime_id": "int32"}))
    assert lists.shape == (0, 0)
    assert split_users(lists).empty


def test_users_are_taken_in_the_order_asked_for(many: Interactions) -> None:
    table = dense(many)
    np.testing.assert_array_equal(dense(many.users(np.array([5, 0, 5]))), table[[5, 0, 5]])
    mask = many.lengths > 20
    np.testing.assert_array_equal(dense(many.users(mask)), table[mask])


def test_saved_and_loaded_is_the_same(many: Interactions, tmp_path: Path) -> None:
    file = tmp_path / "new" / "lists.npz"
    many.save(file)
    loaded = Interactions.load(file)
    for name in ("user_ids", "anime_ids", "indptr", "indices", "ratings", "dropped"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(many, name))
    first = file.read_bytes()
    many.save(file)
    assert file.read_bytes() == first


def test_missing_or_older_file_says_what_to_run(many: Interactions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is missing: run"):
        Interactions.load(tmp_path / "lists.npz")
    many.save(tmp_path / "lists.npz")
    with np.load(tmp_path / "lists.npz") as arrays:
        np.savez(tmp_path / "old.npz", **{**arrays, "format": 0})
    with pytest.raises(InputError, match="older format: run 'anirec run --from 02 --force'"):
        Interactions.load(tmp_path / "old.npz")


def test_each_list_can_be_parted_by_a_share_of_its_own(many: Interactions) -> None:
    shares = np.linspace(0, 1, many.shape[0])
    given, hidden = hold_out(many, shares, seed=1)
    expected = np.clip(np.round(many.lengths * shares), 1, np.maximum(many.lengths - 1, 1))
    np.testing.assert_array_equal(given.lengths, expected)
    np.testing.assert_array_equal(given.lengths + hidden.lengths, many.lengths)


def test_lists_among_some_anime_stand_on_columns_of_these(many: Interactions) -> None:
    known = many.best_known(3)
    counts = pd.Series(many.indices).value_counts()
    assert (np.diff(known) > 0).all()
    assert counts[np.searchsorted(many.anime_ids, known)].min() >= counts.nlargest(3).min()
    with_new = np.append(known, many.anime_ids.max() + 1)
    some = many.among(with_new)
    assert some.shape == (many.shape[0], 4) and some.user_ids is many.user_ids
    whole = many.matrix(many.ratings).toarray()[:, np.searchsorted(many.anime_ids, known)]
    np.testing.assert_array_equal(some.matrix(some.ratings).toarray()[:, :3], whole)
    assert not (some.indices == 3).any()


def test_averages_are_over_each_list(many: Interactions) -> None:
    of = np.random.default_rng(0).normal(size=(many.shape[1], 3)).astype(np.float32)
    on_list = many.matrix().toarray() > 0
    expected = [of[row].mean(axis=0) if row.any() else np.zeros(3) for row in on_list]
    np.testing.assert_allclose(many.averages(of), expected, rtol=1e-4, atol=1e-5)
    sparse_too = many.averages(sparse.csr_array(of))
    np.testing.assert_allclose(sparse_too.toarray(), expected, rtol=1e-4, atol=1e-5)


def test_user_means_are_pulled_towards_the_mean(lists: Interactions) -> None:
    mean = (10 + 8 + 4) / 3
    expected = [(18 + 5 * mean) / 7, (4 + 5 * mean) / 6]
    np.testing.assert_allclose(lists.user_means(shrinkage=5), expected, rtol=1e-6)
    np.testing.assert_allclose(lists.user_means(shrinkage=0), [9, 4], rtol=1e-6)


def test_split_holds_out_users_with_long_enough_lists(many: Interactions) -> None:
    split = split_users(many, n_test=20, n_validation=10, min_entries=5, seed=3)
    assert split["role"].value_counts()[["test", "validation"]].tolist() == [20, 10]
    assert ((split["role"] == "short") == (many.lengths < 5)).all()
    assert split.equals(split_users(many, n_test=20, n_validation=10, min_entries=5, seed=3))
    assert not split.equals(split_users(many, n_test=20, n_validation=10, min_entries=5, seed=4))


def test_split_of_few_users_keeps_most_for_training(many: Interactions) -> None:
    roles = split_users(many, n_test=800, n_validation=400, min_entries=1)["role"]
    assert roles.value_counts().to_dict() == {
        "train": 125,
        "test": 50,
        "validation": 25,
        "short": 0,
    }


@given(fraction=st.floats(0.05, 0.95), seed=st.integers(0, 5), lengths=st.lists(st.integers(1, 30)))
def test_hold_out_parts_every_list(fraction: float, seed: int, lengths: list[int]) -> None:
    rows = [(user, anime, 5) for user, n in enumerate(lengths) for anime in range(n)]
    everyone = Interactions.from_frame(
        frame(rows).astype({"user_id": "int32", "anime_id": "int32"})
    )
    given_part, hidden = hold_out(everyone, fraction, seed)
    np.testing.assert_array_equal(dense(given_part) + dense(hidden), dense(everyone))
    assert (given_part.lengths >= 1).all()
    long = everyone.lengths > 1
    assert (hidden.lengths[long] >= 1).all()
    exact = np.clip(everyone.lengths * fraction, 1, np.maximum(everyone.lengths - 1, 1))
    assert (np.abs(given_part.lengths - exact) <= 0.5).all()


def test_real_ratings_of_2016(real_data: Path) -> None:
    ratings = pd.read_csv(real_data / "mal-2016" / "rating.csv")
    ratings["rating"] = ratings["rating"].where(ratings["rating"] > 0)
    lists = Interactions.from_frame(ratings)
    assert lists.nnz == 423_289
    assert lists.shape[0] == 4_000
    assert 1 - lists.scored.mean() == pytest.approx(0.19, abs=0.01)


@pytest.mark.parametrize("n_entries", [1, 40, 333, 10**9])
def test_chunks_are_the_lists_in_their_order(many: Interactions, n_entries: int) -> None:
    chunks = list(many.chunks(n_entries))
    assert all(chunk.nnz <= n_entries or chunk.shape[0] == 1 for chunk in chunks)
    np.testing.assert_array_equal(np.vstack([dense(chunk) for chunk in chunks]), dense(many))
    ids = np.concatenate([chunk.user_ids for chunk in chunks])
    np.testing.assert_array_equal(ids, many.user_ids)


def test_figures_are_those_of_all_entries(
    many: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anirec.interactions.CHUNK_ENTRIES", 100)
    known, scores = many.figures, many.ratings[many.scored]
    np.testing.assert_array_equal(known.counts, np.bincount(many.indices, minlength=60))
    assert (known.n_users, known.n_scored) == (200, len(scores))
    told = (known.mean, known.sd, known.greatest)
    np.testing.assert_allclose(told, (scores.mean(), scores.std(), scores.max()), rtol=1e-6)
    assert known.usual_length == np.median(many.lengths[many.rows])
    some = many.users(np.arange(7))
    assert some.figures.usual_length == np.median(some.lengths[some.rows])


def test_figures_of_lists_without_scores(lists: Interactions) -> None:
    known = lists.entries(~lists.scored).figures
    assert known.n_scored == 0 and known.usual_length == 1
    assert np.isnan([known.mean, known.sd, known.greatest]).all()
    assert np.isnan(lists.entries(np.zeros(4, dtype=bool)).figures.usual_length)


def test_all_but_some_users(many: Interactions) -> None:
    left = many.all_but(np.array([3, 150]))
    np.testing.assert_array_equal(left.user_ids, np.delete(many.user_ids, [3, 150]))
