"""A list's mixture of segments: shares that sum to one, by distance, calibrated on parted lists."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.analysis.clustering import TELLING, Segments, TasteSpace
from anirec.config import InputError
from anirec.files import write_arrays
from anirec.interactions import Interactions, give_few

FORMAT = 1

MIXTURE_FILE = "segment_mixture.npz"
"""Below a run's ``tables/``."""

GIVEN = (1, 2, 3, 5, 10, 20, 40, 80)
"""Titles given of a half of a list, to learn and to test what they tell of the other half."""

MOST_LISTS = 4000
"""Lists that the mixture is calibrated on, at most, and as many that it is tested on."""


@dataclass(frozen=True)
class SegmentMixture:
    """Gives any list its shares of the segments.

    A segment's share is proportional to ``size · exp(-κ d² / 2)``, with ``d`` the distance of the
    list's direction from the segment's centre and ``κ = sharpness · n / (n + half) · r^markedness``
    for a list of ``n`` titles that lies ``r`` times as far out as is typical: the fewer titles
    there are, and the less they point anywhere, the nearer the shares are to everybody's. The three
    numbers are chosen so that one part of a list best foretells the segment of the rest of it. So a
    share of 62 % reads: of people with such a list, 62 % have the rest of theirs in this segment.

    Attributes
    ----------
    names : text (n_segments,). sizes : float64 (n_segments,), each one's share of the users.
    space : where the centres lie.
    sharpness, half, markedness : of ``κ``. typical : the distance from the middle that ``r`` is in.
    """

    names: np.ndarray
    sizes: np.ndarray
    space: TasteSpace
    sharpness: float
    half: float
    markedness: float
    typical: float

    @classmethod
    def fit(
        cls, segments: Segments, lists: Interactions, names: np.ndarray, seed: int = 0
    ) -> SegmentMixture:
        """Calibrate on lists, each parted at random into titles given and a rest to be foretold.

        Parameters
        ----------
        segments : found in ``lists``.
        names : of the segments, in their order.
        """
        from scipy.optimize import minimize

        sizes = segments.sizes / segments.sizes.sum()
        given = parted(segments.space, lists, seed)
        typical = float(np.median(np.linalg.norm(given.scores, axis=1))) or 1.0
        words = np.asarray(names, dtype=np.str_)

        def at(place: np.ndarray) -> SegmentMixture:
            return cls(words, sizes, segments.space, *np.exp(place).tolist(), typical)

        def surprise(place: np.ndarray) -> float:
            return float(_surprises(at(place)._shares(given.scores, given.n), given.rest).mean())

        return at(minimize(surprise, np.log([10.0, 5.0, 0.5]), method="Nelder-Mead").x)

    def shares(self, lists: Interactions) -> np.ndarray:
        """Return each list's shares, float64 (n_users, n_segments), rows summing to one.

        A list of which no anime is known gets everybody's.
        """
        return self._shares(self.space.scores(lists), lists.lengths)

    def _shares(self, scores: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Return the shares of lists of ``n`` titles at ``scores`` along the axes."""
        marked = np.linalg.norm(scores, axis=1) / self.typical
        sharpness = self.sharpness * n / (n + self.half) * marked**self.markedness
        logs = np.log(np.maximum(self.sizes, 1e-12))
        logs = logs - sharpness[:, None] * self.space.squared_distances(scores) / 2
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def save(self, file: Path) -> None:
        """Write to an ``.npz`` file, without pickle."""
        space = {f.name: getattr(self.space, f.name) for f in fields(TasteSpace)}
        write_arrays(
            file,
            format=np.array(FORMAT),
            names=self.names,
            sizes=self.sizes,
            curve=np.array([self.sharpness, self.half, self.markedness, self.typical]),
            **space,
        )

    @classmethod
    def load(cls, file: Path) -> SegmentMixture:
        """Read what `save` wrote. Raises InputError if it is of another format."""
        with np.load(file, allow_pickle=False) as arrays:
            if int(arrays["format"]) != FORMAT:
                raise InputError(
                    f"{file} is of an older format: rebuild it with 'anirec run --from 04 --force'"
                )
            space = TasteSpace(**{f.name: arrays[f.name] for f in fields(TasteSpace)})
            return cls(arrays["names"], arrays["sizes"], space, *arrays["curve"].tolist())


@dataclass(frozen=True)
class Parted:
    """Lists parted into titles given and a rest, each list several times.

    Attributes
    ----------
    n : int64 (n_cases,), titles given. scores : float32 (n_cases, n_components), where they lie.
    rest : int64 (n_cases,), the segment nearest to the rest.
    """

    n: np.ndarray
    scores: np.ndarray
    rest: np.ndarray


def parted(space: TasteSpace, lists: Interactions, seed: int = 0, held_out: bool = False) -> Parted:
    """Part lists long enough to tell a taste: of one half `GIVEN` titles are given, the other half
    is the rest. The lists ``held_out`` are none of the others, at the same seed."""
    telling = np.flatnonzero(lists.lengths >= min(TELLING, np.median(lists.lengths)))
    drawn = np.random.default_rng(seed).permutation(telling)
    n_lists = min(MOST_LISTS, len(drawn) // 2)
    some = lists.users(np.sort(drawn[n_lists : 2 * n_lists] if held_out else drawn[:n_lists]))
    first, second = give_few(some, some.lengths // 2, np.ones(some.nnz, dtype=bool), seed)
    rest = space.squared_distances(space.scores(second)).argmin(axis=1)
    n, scores, of = [], [], []
    for count in GIVEN:
        enough = first.users(first.lengths >= count)
        few, _ = give_few(enough, count, np.ones(enough.nnz, dtype=bool), seed + count)
        n.append(few.lengths)
        scores.append(space.scores(few))
        of.append(rest[first.lengths >= count])
    return Parted(np.concatenate(n), np.concatenate(scores), np.concatenate(of))


def _surprises(shares: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return the negative log of the share of the rest's segment, (n_cases,), in nats."""
    return -np.log(np.maximum(shares[np.arange(len(rest)), rest], 1e-12))


def calibration(mixture: SegmentMixture, given: Parted) -> pd.DataFrame:
    """Return, for each number of titles given, what the mixture says of the rest and what is true.

    Columns ``titles``, ``lists``, ``said`` (mean share of the segment of greatest share), ``true``
    (share of lists whose rest lies there) and ``surprise`` (mean negative log of the share of the
    rest's segment, in nats; that of everybody's shares is in ``unknowing``).
    """
    shares = mixture._shares(given.scores, given.n)
    everybody = np.broadcast_to(mixture.sizes, shares.shape)
    frame = pd.DataFrame(
        {
            "titles": given.n,
            "said": shares.max(axis=1),
            "true": shares.argmax(axis=1) == given.rest,
            "surprise": _surprises(shares, given.rest),
            "unknowing": _surprises(everybody, given.rest),
        }
    )
    grouped = frame.groupby("titles")
    table = grouped.mean()
    table.insert(0, "lists", grouped.size())
    return table.reset_index()
