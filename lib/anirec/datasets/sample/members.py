"""The simulated members: who they are, their tastes, how long and how divided their lists are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anirec.datasets.mal_2023 import SNAPSHOT
from anirec.datasets.sample.catalogue import N_FLAVOURS, SEGMENTS
from anirec.datasets.sample.words import LOCATIONS, NAME_ENDS, NAME_STARTS

GENDER_SHARES = {"Male": 0.60, "Female": 0.37, "Non-Binary": 0.03}

TILT = {
    "Male": {"mecha-scifi": 1.4, "adult": 1.3, "romance": 0.7},
    "Female": {"romance": 1.8, "music": 1.3, "mecha-scifi": 0.5, "adult": 0.4},
    "Non-Binary": {"music": 1.3},
}
"""How many times more common a segment is among members of a gender, before normalising."""


@dataclass(frozen=True)
class Planted:
    """A planted effect: by how much the mean of ``outcome`` changes with ``predictor``."""

    outcome: str
    predictor: str
    value: float


EFFECTS = {
    "completed_by_age": Planted("completed / started entries", "ten years of age", 0.04),
    "dropped_by_gender": Planted("dropped / started entries", "male rather than female", 0.03),
    "planned_by_age": Planted("planned / all entries", "ten years of age", -0.03),
    "started_by_years": Planted("natural log of started entries", "a year since joining", 0.06),
}
"""Started entries are those completed, dropped, on hold or being watched."""

SNAPSHOT_DAY = np.datetime64(SNAPSHOT)
"""Ages and years since joining are counted to this day."""
DAYS_A_YEAR = 365.2425

COHORTS = np.array([1984, 1992, 1998, 2004])
"""Birth years that stand for a member's era: the nearest one is taken."""

MAINSTREAM = (3, 9)
"""The beta distribution of the share of steps that a member takes in the mainstream."""

DOMINANT = 0.6
"""A segment dominates a taste from this share of it on."""


@dataclass(frozen=True)
class Size:
    """How large a community is.

    Attributes
    ----------
    n_users : members with scores. n_members : rows of user details. n_scores : scores, about.
    n_anime : anime; None for the catalogue as committed, else it is extended with invented ones.
    nameless, twice, orphans : rows of the scores file without a user name, that repeat a pair of
        user and anime, and of anime that are not in the catalogue.
    silent : members whose list statistics are missing.
    """

    n_users: int
    n_members: int
    n_scores: int
    n_anime: int | None
    nameless: int
    twice: int
    orphans: int
    silent: int


SIZES = {
    "tiny": Size(300, 812, 22_500, None, nameless=3, twice=4, orphans=6, silent=1),
    "default": Size(6_000, 16_248, 450_000, None, nameless=8, twice=12, orphans=20, silent=3),
    "full": Size(
        270_033, 731_290, 24_325_191, 16_500, nameless=232, twice=279, orphans=500, silent=8
    ),
}
"""``tiny`` is for tests; ``full`` has the size and the blemishes of the 2023 dataset."""

LEFT_EMPTY = {"Gender": 0.69, "Birthday": 0.77, "Location": 0.79}
"""The share of members who leave a field empty."""


@dataclass(frozen=True)
class Members:
    """The simulated members, one element each, ascending by id.

    Attributes
    ----------
    user_ids : int32 (n,). joined, born : datetime64[D]. gender : text.
    taste : float32 (n, n_segments), rows sum to one. mainstream : float32 (n,), share of steps
        taken in the mainstream. cohort : int64 (n,), position in `COHORTS`.
    flavour : int64 (n, n_segments + 1), the preferred flavour in each segment and the mainstream.
    shift, stretch : float32 (n,), the personal rating scale.
    wanted : int64 (n,), scores in the scores file; 0 for members who are not in it.
    divided : int64 (n, 4), completed, dropped, on hold, watching. planned : int64 (n,).
    drops : float64 (n,), the chance to drop a series. planned_listed : int64 (n,), planned entries
        in the scores file.
    told : bool (n, 3), whether gender, birthday and location are given. location : text.
    silent : bool (n,), members whose list statistics are missing.
    """

    user_ids: np.ndarray
    joined: np.ndarray
    born: np.ndarray
    gender: np.ndarray
    taste: np.ndarray
    mainstream: np.ndarray
    flavour: np.ndarray
    cohort: np.ndarray
    shift: np.ndarray
    stretch: np.ndarray
    wanted: np.ndarray
    divided: np.ndarray
    planned: np.ndarray
    drops: np.ndarray
    planned_listed: np.ndarray
    told: np.ndarray
    location: np.ndarray
    silent: np.ndarray

    @property
    def size(self) -> int:
        return len(self.user_ids)

    def names(self) -> list[str]:
        """Return a distinct user name for each member."""
        n_pairs = len(NAME_STARTS) * len(NAME_ENDS)
        mixed = np.random.default_rng(0).permutation(self.size).tolist()
        return [
            NAME_STARTS[i % len(NAME_STARTS)]
            + NAME_ENDS[i % n_pairs // len(NAME_STARTS)]
            + (str(i // n_pairs) if i >= n_pairs else "")
            for i in mixed
        ]


def simulate_members(shape: Size, n_anime: int, seed: int = 0, effects: bool = True) -> Members:
    """Draw the members of a community, with everything but their lists.

    Without ``effects``, `EFFECTS` are zero and gender tells nothing of tastes.
    """
    rng = np.random.default_rng([seed, 1])
    n = shape.n_members
    user_ids = np.sort(rng.choice(int(n * 1.77), n, replace=False)).astype(np.int32) + 1
    first, last = np.datetime64("2004-11-05"), np.datetime64("2023-05-31")
    joined = first + ((np.arange(n) / n) ** 0.75 * (last - first).astype(int)).astype(int)
    years = (SNAPSHOT_DAY - joined).astype(int) / DAYS_A_YEAR
    age = 13 + rng.gamma(2.2, 3, n) + years
    born = SNAPSHOT_DAY - np.ceil(age * DAYS_A_YEAR).astype(int)
    gender = rng.choice(list(GENDER_SHARES), n, p=list(GENDER_SHARES.values()))
    birth_year = born.astype("datetime64[Y]").astype(int) + 1970
    started = _list_lengths(rng, years, planted(effects))
    wanted = _wanted(rng, started, shape, n_anime)
    started[(wanted == 0) & (rng.random(n) < 0.2)] = 0
    divided, planned, drops = _divide(rng, started, age, gender, planted(effects))
    open_hearted = 0.42
    told = rng.random((n, 3)) < (1 - np.array(list(LEFT_EMPTY.values()))) / open_hearted
    told &= rng.random((n, 1)) < open_hearted
    silent = np.zeros(n, dtype=bool)
    silent[rng.choice(np.flatnonzero(wanted == 0), shape.silent, replace=False)] = True
    weights = np.array(list(LOCATIONS.values()), dtype=float)
    return Members(
        user_ids=user_ids,
        joined=joined,
        born=born,
        gender=gender,
        taste=_tastes(rng, gender, TILT if effects else {}),
        mainstream=rng.beta(*MAINSTREAM, n).astype(np.float32),
        flavour=rng.integers(0, N_FLAVOURS, (n, len(SEGMENTS) + 1)),
        cohort=np.abs(birth_year[:, None] - COHORTS).argmin(axis=1),
        shift=rng.normal(0, 0.6, n).astype(np.float32),
        stretch=np.exp(rng.normal(0, 0.25, n)).astype(np.float32),
        wanted=wanted,
        divided=divided,
        planned=planned,
        drops=drops,
        planned_listed=np.minimum(planned * wanted // np.maximum(started, 1), n_anime // 8),
        told=told,
        location=rng.choice(np.array(list(LOCATIONS)), n, p=weights / weights.sum()),
        silent=silent,
    )


def planted(effects: bool) -> dict[str, float]:
    """Return the values of the planted effects: those of `EFFECTS`, or zeros."""
    return {name: effect.value if effects else 0.0 for name, effect in EFFECTS.items()}


def _list_lengths(
    rng: np.random.Generator, years: np.ndarray, effects: Mapping[str, float]
) -> np.ndarray:
    """Return how many entries each member started: lognormal, more with the years."""
    log = 4.0 + effects["started_by_years"] * years + rng.normal(0, 1.25, len(years))
    return np.maximum(1, np.round(np.exp(log))).astype(int)


def _wanted(rng: np.random.Generator, started: np.ndarray, shape: Size, n_anime: int) -> np.ndarray:
    """Return how many scores each member has in the scores file, ``shape.n_scores`` in all.

    They are a share of the started entries; long lists come out shorter, since no list goes
    beyond a quarter of the catalogue.
    """
    scored = np.zeros(len(started))
    users = rng.choice(len(started), shape.n_users, replace=False)
    scored[users] = started[users] * rng.beta(5, 3, shape.n_users)
    most = n_anime / 4

    def lengths(factor: float) -> np.ndarray:
        bent = np.ceil(most * -np.expm1(-scored * factor / most))
        return np.minimum(bent, started).astype(int)

    low, high = 0.0, 100.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if lengths(middle).sum() < shape.n_scores else (low, middle)
    return lengths(high)


def _divide(
    rng: np.random.Generator,
    started: np.ndarray,
    age: np.ndarray,
    gender: np.ndarray,
    effects: Mapping[str, float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return completed, dropped, on hold, watching (n, 4), planned entries (n,), and the chance
    that a started entry is dropped (n,)."""
    decades = (age - 25) / 10
    completed = 0.66 + effects["completed_by_age"] * decades
    dropped = 0.09 + effects["dropped_by_gender"] * (gender == "Male")
    on_hold = np.full(len(started), 0.06)
    means = np.column_stack([completed, dropped, on_hold, 1 - completed - dropped - on_hold])
    shares = rng.standard_gamma(np.maximum(means, 0.01) * 12)
    shares /= shares.sum(axis=1, keepdims=True)
    divided = rng.multinomial(started, shares)
    planned_mean = np.maximum(0.25 + effects["planned_by_age"] * decades, 0.02)
    planned_share = rng.beta(planned_mean * 6, (1 - planned_mean) * 6)
    planned = started * planned_share / (1 - planned_share)
    return divided, np.floor(planned + rng.random(len(started))).astype(int), shares[:, 1]


def _tastes(
    rng: np.random.Generator, gender: np.ndarray, tilt: Mapping[str, Mapping[str, float]]
) -> np.ndarray:
    """Return each member's taste, (n, n_segments): most have one segment that dominates."""
    n = len(gender)
    common = np.zeros((n, len(SEGMENTS)))
    for name in GENDER_SHARES:
        tilted = np.array([p * tilt.get(name, {}).get(s, 1.0) for s, p in SEGMENTS.items()])
        common[gender == name] = tilted / tilted.sum()
    mixed = rng.standard_gamma(common * 6)
    mixed /= mixed.sum(axis=1, keepdims=True)
    first = (rng.random((n, 1)) > common.cumsum(axis=1)).sum(axis=1).clip(max=len(SEGMENTS) - 1)
    strength = np.where(rng.random(n) < 0.7, 0.6 + 0.35 * rng.beta(2, 2, n), 0.0)
    taste = mixed * (1 - strength)[:, None]
    taste[np.arange(n), first] += strength
    return taste.astype(np.float32)


def truth_table(members: Members) -> pd.DataFrame:
    """Return the planted segment of each member with scores; see `read_truth`."""
    users = np.flatnonzero(members.wanted)
    taste = members.taste[users]
    return pd.DataFrame(
        {
            "user_id": members.user_ids[users],
            "segment": np.array(list(SEGMENTS))[taste.argmax(axis=1)],
            "dominant": taste.max(axis=1) >= DOMINANT,
        }
    )
