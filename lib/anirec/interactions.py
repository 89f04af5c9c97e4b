"""`Interactions`: the sparse user × anime matrix with its id maps, and how it is split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.config import InputError
from anirec.engine import Arrays, InProcess, Sums
from anirec.files import write_arrays

FORMAT = 1

CHUNK_ENTRIES = 4_000_000
"""Entries that are worked on at once where lists are summed up: bounds what that takes."""


@dataclass(frozen=True)
class Interactions:
    """Lists of users as a sparse matrix whose entries keep "on the list, not scored" apart.

    Attributes
    ----------
    user_ids, anime_ids : what the rows and columns stand for, ascending; integers, or text where
        the source's ids are text.
    indptr, indices : the CSR structure of the lists, (n_users + 1,) and (nnz,), columns ascending.
    ratings : float32 (nnz,), 1 to 10; NaN where an entry carries no score.
    dropped : bool (nnz,), entries given up without a score: a mild dislike.
    n_unknown : entries left out because their anime is not among ``anime_ids``.
    """

    user_ids: np.ndarray
    anime_ids: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    ratings: np.ndarray
    dropped: np.ndarray
    n_unknown: int = field(default=0)

    @classmethod
    def from_frame(
        cls,
        ratings: pd.DataFrame,
        user: str = "user_id",
        item: str = "anime_id",
        rating: str = "rating",
        anime_ids: np.ndarray | None = None,
    ) -> Interactions:
        """Encode a frame of list entries, one row per entry.

        Parameters
        ----------
        ratings : frame with the columns ``user``, ``item`` and ``rating`` (null: not scored) and,
            where known, ``status``. Entries only planned (``plan_to_watch``) are left out.
        anime_ids : columns to use, ascending; entries of other anime are counted in ``n_unknown``,
            and a user of whom none is left keeps an empty row. By default the anime that occur.

        Raises
        ------
        InputError
            If a column is missing, an id is null or neither a whole number nor text, ids are of
            another kind than ``anime_ids``, a rating is no number or a user has an anime twice.
        """
        absent = [name for name in (user, item, rating) if name not in ratings]
        if absent:
            raise InputError(f"the ratings lack the columns {', '.join(absent)}: name them")
        gave_up = np.zeros(len(ratings), dtype=bool)
        if "status" in ratings:
            taken_up = ~_is_one(ratings["status"], "plan_to_watch")
            gave_up = _is_one(ratings["status"], "dropped")[taken_up]
            ratings = ratings[taken_up]
        values = _scores(ratings[rating])
        user_ids, rows = np.unique(_ids(ratings[user]), return_inverse=True)
        items = _ids(ratings[item], anime_ids)
        if anime_ids is None:
            anime_ids, columns = np.unique(items, return_inverse=True)
            known = np.ones(len(items), dtype=bool)
        else:
            anime_ids = np.asarray(anime_ids)
            columns, known = positions(anime_ids, items)
        cells = rows[known] * np.int64(len(anime_ids)) + columns[known]
        order = np.argsort(cells, kind="stable")
        if np.any(np.diff(cells[order]) == 0):
            raise InputError("a user has the same anime twice: remove duplicates first")
        indptr = np.zeros(len(user_ids) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows[known], minlength=len(user_ids)), out=indptr[1:])
        values = values[known][order]
        return cls(
            user_ids=user_ids,
            anime_ids=anime_ids,
            indptr=indptr,
            indices=columns[known][order].astype(np.int32),
            ratings=values,
            dropped=gave_up[known][order] & np.isnan(values),
            n_unknown=int((~known).sum()),
        )

    @classmethod
    def nobody(cls, anime_ids: np.ndarray) -> Interactions:
        """Return no lists, on some anime columns."""
        return cls(
            user_ids=np.empty(0, np.int32),
            anime_ids=anime_ids,
            indptr=np.zeros(1, np.int64),
            indices=np.empty(0, np.int32),
            ratings=np.empty(0, np.float32),
            dropped=np.empty(0, dtype=bool),
        )

    def encode(self, ratings: pd.DataFrame, **columns: str) -> Interactions:
        """Encode other people's lists on the same anime columns; see `from_frame`."""
        return Interactions.from_frame(ratings, anime_ids=self.anime_ids, **columns)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.user_ids), len(self.anime_ids)

    @property
    def nnz(self) -> int:
        return len(self.indices)

    @property
    def size(self) -> int:
        """The entries, as of a part of something larger: see `engine.Part`."""
        return self.nnz

    @property
    def lengths(self) -> np.ndarray:
        """int64 (n_users,): entries per user."""
        return np.diff(self.indptr)

    @property
    def scored(self) -> np.ndarray:
        """bool (nnz,): entries that carry a score."""
        return ~np.isnan(self.ratings)

    @property
    def rows(self) -> np.ndarray:
        """int32 (nnz,): the row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), self.lengths)

    @cached_property
    def figures(self) -> Figures:
        """What is known of all lists together."""
        return Figures.of(self.total(FigureSums(self.shape[1])))

    @property
    def counts(self) -> np.ndarray:
        """int64 (n_anime,): lists that each anime is on."""
        return np.bincount(self.indices, minlength=self.shape[1])

    def chunks(self, n_entries: int | None = None) -> Iterator[Interactions]:
        """Yield the lists in their order, some users at a time, as views.

        Each has ``n_entries`` at most, by default `CHUNK_ENTRIES`, but for a single longer list.
        """
        start, most = 0, n_entries or CHUNK_ENTRIES
        while start < self.shape[0]:
            stop = np.searchsorted(self.indptr, self.indptr[start] + most, side="right") - 1
            stop = max(int(stop), start + 1)
            yield self._between(start, stop)
            start = stop

    def _between(self, start: int, stop: int) -> Interactions:
        """Return the lists of the users from one to another, as views."""
        here = slice(self.indptr[start], self.indptr[stop])
        return replace(
            self,
            user_ids=self.user_ids[start:stop],
            indptr=self.indptr[start : stop + 1] - self.indptr[start],
            indices=self.indices[here],
            ratings=self.ratings[here],
            dropped=self.dropped[here],
            n_unknown=0,
        )

    def total(self, sums: Sums) -> Arrays:
        """Return what is summed over the lists, a chunk at a time."""
        return InProcess().total(sums, [self])

    def all_but(self, users: np.ndarray) -> Interactions:
        """Return the lists of all but some users, given by their positions."""
        return self.users(np.setdiff1d(np.arange(self.shape[0]), users))

    def in_memory(self) -> Interactions:
        """Return the lists themselves: they are in memory."""
        return self

    def matrix(self, values: np.ndarray | float = 1.0) -> sparse.csr_array:
        """Return a float32 CSR matrix (n_users, n_anime) that holds ``values`` at the entries."""
        data = np.broadcast_to(np.asarray(values, dtype=np.float32), (self.nnz,))
        return sparse.csr_array((data.copy(), self.indices, self.indptr), shape=self.shape)

    def users(self, which: np.ndarray) -> Interactions:
        """Return the lists of some users: ``which`` is a mask or positions, in that order."""
        which = np.asarray(which)
        chosen = np.flatnonzero(which) if which.dtype == bool else which
        lengths = self.lengths[chosen]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        entries = np.arange(indptr[-1]) + np.repeat(self.indptr[chosen] - indptr[:-1], lengths)
        return replace(
            self,
            user_ids=self.user_ids[chosen],
            indptr=indptr,
            indices=self.indices[entries],
            ratings=self.ratings[entries],
            dropped=self.dropped[entries],
            n_unknown=0,
        )

    def entries(self, mask: np.ndarray) -> Interactions:
        """Return the same users with only the entries under ``mask``, bool (nnz,)."""
        indptr = np.concatenate([[0], np.cumsum(mask)])[self.indptr]
        return replace(
            self,
            indptr=indptr,
            indices=self.indices[mask],
            ratings=self.ratings[mask],
            dropped=self.dropped[mask],
        )

    def among(self, anime_ids: np.ndarray) -> Interactions:
        """Return the same users with only the entries of some anime, on columns of these alone.

        ``anime_ids`` ascend and are distinct; those on no list here have an empty column.
        """
        anime_ids = np.asarray(anime_ids)
        kept = self.entries(np.isin(self.anime_ids, anime_ids)[self.indices])
        columns = np.searchsorted(anime_ids, self.anime_ids[kept.indices]).astype(np.int32)
        return replace(kept, anime_ids=anime_ids, indices=columns)

    def best_known(self, n: int) -> np.ndarray:
        """Return the ids of the ``n`` anime on most lists, ascending; ties go to the lower id."""
        counts = np.bincount(self.indices, minlength=self.shape[1])
        return np.sort(self.anime_ids[np.argsort(-counts, kind="stable")[:n]])

    def averages(self, of: np.ndarray | sparse.csr_array) -> np.ndarray | sparse.csr_array:
        """Return the mean over each list of its anime's rows in ``of``, (n_users, n).

        ``of`` is (n_anime, n); an empty list has zeros. Of an array the result is one, otherwise
        CSR.
        """
        return self.matrix(np.repeat(1 / np.maximum(self.lengths, 1), self.lengths)) @ of

    def user_means(self, shrinkage: float = 5.0, mean: float | None = None) -> np.ndarray:
        """Return each user's mean rating, float32 (n_users,), shrunk to everybody's mean.

        ``(sum + shrinkage * mean) / (count + shrinkage)``: a user without scores gets the mean.
        ``mean`` is that of the scores here unless given: newcomers are shrunk to the community's.
        """
        scored = self.scored
        values = np.where(scored, self.ratings, 0).astype(np.float64)
        if mean is None:
            mean = values.sum() / max(1, scored.sum())
        total = np.bincount(self.rows, weights=values, minlength=self.shape[0])
        count = np.bincount(self.rows, weights=scored, minlength=self.shape[0])
        return ((total + shrinkage * mean) / np.maximum(count + shrinkage, 1e-9)).astype(np.float32)

    def save(self, file: Path) -> None:
        """Write to an ``.npz`` file, without pickle."""
        write_arrays(
            Path(file),
            format=np.array(FORMAT),
            user_ids=self.user_ids,
            anime_ids=self.anime_ids,
            indptr=self.indptr,
            indices=self.indices,
            ratings=self.ratings,
            dropped=self.dropped,
        )

    @classmethod
    def load(cls, file: Path) -> Interactions:
        """Read what `save` wrote. Raises InputError if the file is missing or of another format."""
        if not Path(file).is_file():
            raise InputError(f"{file} is missing: run notebook 02 ('anirec run') first")
        with np.load(file, allow_pickle=False) as arrays:
            if int(arrays["format"]) != FORMAT:
                raise InputError(
                    f"{file} is of an older format: run 'anirec run --from 02 --force'"
                )
            return cls(**{name: arrays[name] for name in arrays.files if name != "format"})


def stacked(parts: Sequence[Interactions]) -> Interactions:
    """Return the lists of several, one after the other; they are on the same anime columns."""
    starts = np.cumsum([0, *(part.nnz for part in parts)])
    ends = [part.indptr[1:] + start for part, start in zip(parts, starts, strict=False)]
    return replace(
        parts[0],
        user_ids=np.concatenate([part.user_ids for part in parts]),
        indptr=np.concatenate([[0], *ends]),
        indices=np.concatenate([part.indices for part in parts]),
        ratings=np.concatenate([part.ratings for part in parts]),
        dropped=np.concatenate([part.dropped for part in parts]),
        n_unknown=sum(part.n_unknown for part in parts),
    )


@dataclass(frozen=True)
class Figures:
    """What is known of all lists together.

    Attributes
    ----------
    counts : int64 (n_anime,), lists that each anime is on.
    n_users : lists; n_scored : entries that carry a score.
    mean, sd, greatest : of the scores; NaN where there is none.
    usual_length : the length of the list that the median entry is on.
    """

    counts: np.ndarray
    n_users: int
    n_scored: int
    mean: float
    sd: float
    greatest: float
    usual_length: float

    @classmethod
    def of(cls, sums: Arrays) -> Figures:
        """Return the figures from their sums; see `FigureSums`."""
        n, total, squares = sums["scores"]
        mean = total / n if n else np.nan
        return cls(
            counts=sums["counts"],
            n_users=int(sums["users"][0]),
            n_scored=int(n),
            mean=float(mean),
            sd=float(np.sqrt(max(squares / n - mean**2, 0))) if n else np.nan,
            greatest=float(sums["greatest"][0]) if n else np.nan,
            usual_length=_median_length(sums["lengths"]),
        )


def _median_length(lengths: np.ndarray) -> float:
    """Return the median over entries of the length of their list, given how many lists have each
    length, (longest + 1,); NaN where there is no entry."""
    below = np.cumsum(lengths * np.arange(len(lengths)))
    middle = (below[-1] - 1) // 2, below[-1] // 2
    return float(np.searchsorted(below, middle, side="right").mean()) if below[-1] else np.nan


class FigureSums(Sums):
    """What `Figures` are made of."""

    WHAT = "counting"

    def __init__(self, n_anime: int) -> None:
        self.n_anime = n_anime

    def start(self) -> Arrays:
        """See `Sums.start`."""
        return {
            "counts": np.zeros(self.n_anime, dtype=np.int64),
            "users": np.zeros(1, dtype=np.int64),
            "scores": np.zeros(3),
            "greatest": np.full(1, -np.inf),
            "lengths": np.zeros(self.n_anime + 1, dtype=np.int64),
        }

    def add(self, sums: Arrays, chunk: Interactions) -> None:
        """See `Sums.add`."""
        scores = chunk.ratings[chunk.scored].astype(np.float64)
        sums["counts"] += chunk.counts
        sums["users"] += chunk.shape[0]
        sums["scores"] += len(scores), scores.sum(), (scores**2).sum()
        sums["greatest"][0] = scores.max(initial=sums["greatest"][0])
        sums["lengths"] += np.bincount(chunk.lengths, minlength=self.n_anime + 1)

    def join(self, sums: Arrays, others: Arrays) -> None:
        """See `Sums.join`: of the greatest, the greater."""
        greatest = np.maximum(sums["greatest"], others["greatest"])
        super().join(sums, others)
        sums["greatest"] = greatest


def positions(ids: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of ``wanted`` in ascending ``ids``, and a mask of those that are there."""
    if len(ids) == 0 or len(wanted) == 0:
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    found = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return found, ids[found] == wanted


def _is_one(column: pd.Series, word: str) -> np.ndarray:
    """Return which cells are a word, bool; a null, of whatever kind, is none."""
    return column.isin([word]).to_numpy(dtype=bool)


def _ids(column: pd.Series, known: np.ndarray | None = None) -> np.ndarray:
    """Return ids as int32 where they fit, else int64, else text.

    Whole numbers may be stored as floats, decimals or objects. ``known`` are the ids they are to be
    found among: where these are numbers, text is read as numbers too.

    Raises
    ------
    InputError
        If an id is null, neither a whole number nor text, or of another kind than those known.
    """
    name = f"column {column.name!r}"
    if column.isna().any():
        raise InputError(f"{name} has rows without an id: remove them first")
    kind = pd.api.types.infer_dtype(column)
    if kind in ("categorical", "unknown-array"):
        column = column.astype(object)
        kind = pd.api.types.infer_dtype(column)
    if kind == "empty":
        return np.empty(0, dtype=np.int32 if known is None else known.dtype)
    wants_numbers = known is not None and known.dtype.kind in "iu"
    if kind == "string" and wants_numbers:
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.isna().any():
            word = column[numbers.isna()].iloc[0]
            raise InputError(f"{name} holds {word!r} where ids are numbers: mend or remove it")
        return _whole(numbers, name)
    if kind == "string":
        return column.astype("str").to_numpy(dtype=np.str_)
    if kind not in ("integer", "floating", "mixed-integer-float", "decimal"):
        raise InputError(f"{name} holds {kind} values: an id is a whole number or text")
    if known is not None and not wants_numbers:
        raise InputError(f"{name} holds numbers where ids are text: make them text first")
    return _whole(column, name)


def _whole(column: pd.Series, name: str) -> np.ndarray:
    """Return whole numbers as int32 or int64, however stored. Raises InputError for others."""
    try:
        with np.errstate(invalid="ignore"):
            ids = column.to_numpy(dtype=np.int64)
        whole = np.array_equal(ids, column.to_numpy())
    except (ValueError, OverflowError):
        whole = False
    if not whole:
        raise InputError(f"{name} holds ids that are no whole numbers: mend or remove them first")
    fits = not len(ids) or (ids.min() >= -(2**31) and ids.max() < 2**31)
    return ids.astype(np.int32) if fits else ids


def _scores(column: pd.Series) -> np.ndarray:
    """Return scores as float32, NaN for null. Raises InputError if one is no number."""
    try:
        return pd.to_numeric(column).to_numpy(dtype=np.float32, na_value=np.nan)
    except (ValueError, TypeError):
        raise InputError(f"column {column.name!r} holds text where scores should be") from None


def split_users(
    interactions: Interactions,
    n_test: int = 800,
    n_validation: int = 400,
    min_entries: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw who is held out: strong generalisation, whole users.

    Returns
    -------
    pandas.DataFrame
        ``user_id`` and ``role`` (category: train, validation, test, short) in the order of
        ``interactions.user_ids``. Users with fewer than ``min_entries`` entries are ``short``. At
        most 25 % of the others become test and 12.5 % validation users.
    """
    lengths = interactions.lengths
    able = np.flatnonzero(lengths >= min_entries)
    drawn = np.random.default_rng(seed).permutation(able)
    n_test, n_validation = min(n_test, len(able) // 4), min(n_validation, len(able) // 8)
    roles = np.full(len(lengths), "short", dtype=object)
    roles[able] = "train"
    roles[drawn[:n_test]] = "test"
    roles[drawn[n_test : n_test + n_validation]] = "validation"
    categories = ["train", "validation", "test", "short"]
    return pd.DataFrame(
        {"user_id": interactions.user_ids, "role": pd.Categorical(roles, categories=categories)}
    )


def hold_out(
    interactions: Interactions, given_fraction: float | np.ndarray = 0.8, seed: int = 0
) -> tuple[Interactions, Interactions]:
    """Part each list at random into what a model is given and what it has to find.

    ``given_fraction`` is the share given, of every list or of each, (n_users,). Every user keeps at
    least one entry on each side (lists of one entry give it all).
    """
    lengths = interactions.lengths
    n_given = np.clip(np.round(lengths * given_fraction), 1, np.maximum(lengths - 1, 1))
    keys = np.random.default_rng(seed).random(interactions.nnz)
    order = np.lexsort((keys, interactions.rows))
    place = np.empty(interactions.nnz, dtype=np.int64)
    place[order] = np.arange(interactions.nnz) - np.repeat(interactions.indptr[:-1], lengths)
    given = place < np.repeat(n_given, lengths)
    return interactions.entries(given), interactions.entries(~given)


LIKED_SHARE = 0.8
"""The share of a scale's greatest rating from which on a rating is a like."""


SCALES = (1, 5, 10, 100)
"""The greatest ratings of the scales known."""


def least_liked(greatest: float) -> float:
    """Return the least rating that is a like on the scale that the greatest rating given belongs
    to: 8 of 10, 4 of 5; inf where none is known."""
    if not np.isfinite(greatest):
        return np.inf
    return LIKED_SHARE * next((scale for scale in SCALES if greatest <= scale), greatest)


def give_few(
    interactions: Interactions, numbers: np.ndarray | int, able: np.ndarray, seed: int = 0
) -> tuple[Interactions, Interactions]:
    """Part each list into few entries that a model is given, and the rest that it has to find.

    Parameters
    ----------
    numbers : how many entries are given, of every list or of each, (n_users,).
    able : bool (nnz,), the entries that may be given; where a list has fewer, all of them are.
    """
    keys = np.random.default_rng(seed).random(interactions.nnz)
    order = np.lexsort((keys, ~able, interactions.rows))
    place = np.empty(interactions.nnz, dtype=np.int64)
    lengths = interactions.lengths
    place[order] = np.arange(interactions.nnz) - np.repeat(interactions.indptr[:-1], lengths)
    given = able & (place < np.repeat(np.broadcast_to(numbers, lengths.shape), lengths))
    return interactions.entries(given), interactions.entries(~given)
