"""The embedded sample: a real catalogue, and a community simulated from a model with known truth.

`generate` writes the three files of the 2023 dataset, with the progress of list entries beside
their scores in the form of the 2018 dataset, and the truth beside them. The model:

**Members.** A member joins between 2004 and 2022, at the age of ``13 + Gamma(2.2, 3)`` years. A
member's taste is a point in the simplex over the ten `SEGMENTS`: for seven in ten one segment
holds 0.60 to 0.95 of it, the others are mixed. How common a segment is depends on gender
(`TILT`). List lengths are lognormal and grow with the years since joining. How the started
entries divide into completed, dropped, on hold and watching is Dirichlet distributed, its mean
shifted by age and gender; `EFFECTS` are those shifts, exact on the scale they are stated on.

**Lists.** A member's list is a race: at each step a segment is drawn from the member's taste (or,
for about a third of the steps, the mainstream), and in it an anime, in proportion to its members,
to how near its year is to the member's youth, and to one of `N_FLAVOURS` flavours within the
segment. Who enters a franchise goes through its later parts in order of airing: the chance to go
on is the ratio of the parts' popularity, raised if the last part was liked and lowered if it was
not.

**Scores.** The enjoyment of an entry is ``quality + affinity + franchise + noise``; a personal
stretch and shift turn it into a latent score, and common cut points (an ordinal probit model)
into 1 to 10. The cut points are the quantiles at which the shares of the ten scores are those of
the 2023 dataset.

**Progress.** Each entry has a status, episodes watched and, for half of the members, days; where
people stop is planted too (`anirec.datasets.sample.progress`). What a member plans to watch stands
in the list without a score.

**Blemishes.** Gender, birthday and location are mostly missing, locations are free text, some
user names and list statistics are missing, some pairs stand twice, some anime are not in the
catalogue.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anirec.config import InputError
from anirec.datasets.parsing import NO_DATE, STATUSES
from anirec.datasets.registry import TRUTH
from anirec.datasets.sample.catalogue import ANIME_FILE, SEGMENTS, SampleCatalogue, read_tables
from anirec.datasets.sample.members import (
    EFFECTS,
    SIZES,
    SNAPSHOT_DAY,
    TILT,
    Members,
    Size,
    planted,
    simulate_members,
    truth_table,
)
from anirec.datasets.sample.progress import EntryProgress, Watching
from anirec.datasets.sample.race import DrawnEntries, Race
from anirec.datasets.sample.source import SAMPLE_IDS_FROM, SOURCE
from anirec.files import written_whole

SCORES_FILE, DETAILS_FILE = "users-score-2023.csv", "users-details-2023.csv"
TRUTH_TABLE = "truth.parquet"

RATING_COUNTS = np.array(
    [98069, 132092, 233675, 562822, 1379480, 2766482, 5452152, 6060484, 4429914, 3210021]
)
"""How often each score from 1 to 10 was given in the 2023 dataset, as published with it."""

MEMBERS_AT_ONCE = 16_384
"""Members simulated at once."""

PILOT = 10_000
"""Members whose lists are drawn to find the cut points of the scores."""

FIRST_DAY = np.datetime64("1960-01-01")
"""No list entry was started before."""

GONE_FROM, N_GONE = SAMPLE_IDS_FROM, 5
"""The ids of anime that are scored and not in the catalogue."""


def generate(target: Path, size: str = "default", seed: int = 0, effects: bool = True) -> None:
    """Write the catalogue, a simulated community and the truth about it into ``target``.

    Parameters
    ----------
    target : folder; made if need be. Each file is written whole or not at all.
    size : one of `SIZES`.
    seed : the same seed, size and ``effects`` give the same bytes.
    effects : whether anything depends on who the members are; without them age, gender and years
        since joining tell nothing of tastes, lists, scores and progress, and an anime nothing of
        how many drop it.

    Raises
    ------
    InputError
        If there is no such size or the seed is negative.
    """
    if size not in SIZES:
        raise InputError(f"unknown size {size!r}: choose one of {', '.join(SIZES)}")
    if seed < 0:
        raise InputError(f"seed {seed} is negative: choose 0 or more")
    shape = SIZES[size]
    tables = read_tables(shape.n_anime, seed)
    members = simulate_members(shape, len(tables.anime), seed, effects)
    with ExitStack() as files:
        into = {
            name: files.enter_context(written_whole(target / name))
            for name in (ANIME_FILE, SCORES_FILE, DETAILS_FILE, TRUTH_TABLE, TRUTH)
        }
        tables.anime.to_csv(into[ANIME_FILE], index=False, lineterminator="\n")
        catalogue = SampleCatalogue.of(tables, seed)
        race, watching = Race(catalogue, members, effects), Watching(catalogue, members, effects)
        totals = _write_scores(into[SCORES_FILE], race, watching, shape, seed)
        details = user_details(members, totals, seed)
        details.to_csv(into[DETAILS_FILE], index=False, lineterminator="\n")
        truth_table(members).to_parquet(into[TRUTH_TABLE], index=False)
        truth = {
            "size": size,
            "seed": seed,
            "n_anime": catalogue.size,
            "n_users": int((totals["count"] > 0).sum()),
            "n_scores": int(totals["count"].sum()),
            "planted": effects,
            "effects": {
                name: asdict(EFFECTS[name]) | {"value": value}
                for name, value in planted(effects).items()
            },
            "segments": SEGMENTS,
            "segment_odds_by_gender": TILT if effects else {},
            "stopping": watching.truth(),
            "blemished_rows": {
                name: getattr(shape, name) for name in ("nameless", "twice", "orphans", "silent")
            },
        }
        into[TRUTH].write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


def read_truth(raw_dir: Path) -> tuple[dict, pd.DataFrame]:
    """Return what the generator planted in ``raw_dir``: effects and counts, and a row per user.

    For tests and for the section of notebook 04 that compares the segments found with those
    planted.

    Returns
    -------
    the content of ``truth.json``, and a frame of the members with scores: ``user_id``, ``segment``
    (the one that holds most of the taste) and ``dominant`` (whether it holds `DOMINANT` or more).
    ``n_scores`` counts the scores without those that repeat a pair or are of no anime.

    Raises
    ------
    InputError
        If the folder holds no truth.
    """
    files = [Path(raw_dir) / TRUTH, Path(raw_dir) / TRUTH_TABLE]
    for file in files:
        if not file.is_file():
            raise InputError(f"{file} is missing: run 'anirec sample' first")
    return json.loads(files[0].read_text(encoding="utf-8")), pd.read_parquet(files[1])


def _blocks(members: Members) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of each block and the positions of its members who have scores."""
    for number, start in enumerate(range(0, members.size, MEMBERS_AT_ONCE)):
        yield number, start + np.flatnonzero(members.wanted[start : start + MEMBERS_AT_ONCE])


def _cut_points(race: Race, seed: int) -> np.ndarray:
    """Return the nine latent scores that part 1 to 10 in the 2023 dataset's shares.

    They are quantiles over lists drawn for the purpose, of `PILOT` members at random.
    """
    rng = np.random.default_rng([seed, 6])
    users = np.flatnonzero(race.members.wanted)
    some = np.sort(rng.permutation(users)[:PILOT])
    latent = race.latent(race.lists(rng, some))
    return np.quantile(latent, np.cumsum(RATING_COUNTS)[:-1] / RATING_COUNTS.sum())


class ScoresFile:
    """The scores file, its rows joined from ready-made pieces of text.

    Parameters
    ----------
    stream : opened for bytes. catalogue, members : what positions mean.
    """

    def __init__(self, stream: BinaryIO, catalogue: SampleCatalogue, members: Members) -> None:
        self.stream = stream
        self.users = _pieces(members.user_ids.tolist(), members.names())
        self.nameless = _pieces(members.user_ids.tolist(), [""] * members.size)
        gone = range(GONE_FROM, GONE_FROM + N_GONE)
        self.anime = _pieces(
            [*catalogue.anime_ids.tolist(), *gone],
            [*catalogue.titles, *(f"Removed Entry {number}" for number in range(1, N_GONE + 1))],
        )
        self.numbers = pa.array([f"{number}," for number in range(1 << 15)])
        (statuses,) = (raw_file.entries.statuses for raw_file in SOURCE.files if raw_file.entries)
        code_of = {status: code for code, status in statuses.items()}
        self.statuses = pa.array([f"{code_of[status]}," for status in STATUSES])
        days = np.arange(FIRST_DAY, SNAPSHOT_DAY + 1)
        self.days = pa.array([f"{day}," for day in (NO_DATE, *days.astype(str))])
        (columns,) = (raw_file.columns for raw_file in SOURCE.files if raw_file.entries)
        stream.write((",".join(columns) + "\n").encode())

    def write(
        self,
        member: np.ndarray,
        anime: np.ndarray,
        rating: np.ndarray,
        progress: EntryProgress,
        nameless: np.ndarray | None = None,
    ) -> None:
        """Write rows; ``anime`` from the catalogue's size on are those that are gone.

        A ``rating`` of 0 stands for "not scored".
        """
        users = self.users.take(pa.array(member))
        if nameless is not None:
            users = pc.if_else(pa.array(nameless), self.nameless.take(pa.array(member)), users)
        ends = pc.binary_join_element_wise(pa.array(progress.updated).cast(pa.string()), "", "\n")
        rows = pc.binary_join_element_wise(
            users,
            self.anime.take(pa.array(anime)),
            self.numbers.take(pa.array(rating)),
            self.statuses.take(pa.array(progress.status)),
            self.numbers.take(pa.array(progress.episodes)),
            self.numbers.take(pa.array(progress.again)),
            self._day(progress.started),
            self._day(progress.finished),
            ends,
            "",
        )
        offsets = np.frombuffer(rows.buffers()[1], dtype=np.int32)
        self.stream.write(rows.buffers()[2][: int(offsets[len(rows)])])

    def _day(self, days: np.ndarray) -> pa.Array:
        """Return days as text."""
        position = np.where(np.isnat(days), 0, (days - FIRST_DAY).astype(int) + 1)
        return self.days.take(pa.array(position))


def _write_scores(
    file: Path, race: Race, watching: Watching, shape: Size, seed: int
) -> pd.DataFrame:
    """Stream the scores file; return ``count`` and ``total`` of the scores of each member."""
    members, n_anime = race.members, race.catalogue.size
    count, total = np.zeros(members.size, dtype=int), np.zeros(members.size)
    blemishes, cuts = _blemishes(members, shape, seed), _cut_points(race, seed)
    with file.open("wb") as stream:
        scores = ScoresFile(stream, race.catalogue, members)
        for number, users in _blocks(members):
            rng = np.random.default_rng([seed, 2, number])
            entries = race.lists(rng, users)
            rating = np.searchsorted(cuts, race.latent(entries)) + 1
            count += np.bincount(entries.member, minlength=members.size)
            total += np.bincount(entries.member, weights=rating, minlength=members.size)
            n_nameless, n_twice, n_orphans = blemishes[number].tolist()
            nameless = np.zeros(len(rating), dtype=bool)
            nameless[rng.choice(len(rating), n_nameless, replace=False)] = True
            progress = watching.progress(np.random.default_rng([seed, 7, number]), entries)
            scores.write(entries.member, entries.anime, rating, progress, nameless)
            _write_planned(scores, race, entries, users, np.random.default_rng([seed, 8, number]))
            twice = rng.choice(len(rating), n_twice, replace=False)
            changed = np.clip(rating[twice] + rng.integers(-1, 2, n_twice), 1, 10)
            scores.write(
                *(entries.member[twice], entries.anime[twice], changed), progress.take(twice)
            )
            gone = n_anime + rng.integers(0, N_GONE, n_orphans)
            orphans = rng.choice(users, n_orphans)
            borrowed = progress.take(np.arange(n_orphans) % len(rating))
            scores.write(orphans, gone, rng.integers(1, 11, n_orphans), borrowed)
    return pd.DataFrame({"count": count, "total": total})


def _write_planned(
    scores: ScoresFile,
    race: Race,
    entries: DrawnEntries,
    users: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Write what members plan to watch: further entries, of anime that are not on their lists."""
    planned = race.lists(rng, users, race.members.planned_listed)
    n_anime = np.int64(race.catalogue.size)
    there = np.isin(
        planned.member * n_anime + planned.anime, entries.member * n_anime + entries.anime
    )
    planned = planned.take(~there)
    progress = EntryProgress.of_planned(rng, race.members.joined[planned.member])
    scores.write(planned.member, planned.anime, np.zeros(len(there[~there]), int), progress)


def _blemishes(members: Members, shape: Size, seed: int) -> np.ndarray:
    """Return how many nameless, double and orphan rows each block gets, (n_blocks, 3)."""
    per_block = np.array([members.wanted[block].sum() for _, block in _blocks(members)])
    rng = np.random.default_rng([seed, 3])
    counts = (shape.nameless, shape.twice, shape.orphans)
    return np.column_stack([rng.multinomial(n, per_block / per_block.sum()) for n in counts])


def _pieces(*columns: list) -> pa.Array:
    """Return rows as text: the cells with CSV quoting where needed, each followed by a comma."""
    text = io.StringIO()
    csv.writer(text, lineterminator=",\n").writerows(zip(*columns, strict=True))
    return pa.array(text.getvalue().split("\n")[:-1], type=pa.string())


def user_details(members: Members, totals: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return the rows of the details file.

    Parameters
    ----------
    totals : ``count`` and ``total`` of the scores of each member; those without any have scored
        anime that the file does not hold, and get a mean score of their own.
    """
    rng = np.random.default_rng([seed, 4])
    completed, dropped, on_hold, watching = members.divided.T
    entries = members.divided.sum(axis=1) + members.planned
    episodes = np.round(completed * np.exp(rng.normal(2.75, 0.25, members.size)))
    elsewhere = np.where(entries > 0, np.clip(rng.normal(7.62, 0.92, members.size), 1, 10), 0)
    mean = totals["total"] / totals["count"].where(totals["count"] > 0)
    counts = {
        "Days Watched": (episodes * 24 / 1440).round(1),
        "Mean Score": np.round(mean.fillna(pd.Series(elsewhere)), 2).to_numpy(),
        "Watching": watching,
        "Completed": completed,
        "On Hold": on_hold,
        "Dropped": dropped,
        "Plan to Watch": members.planned,
        "Total Entries": entries,
        "Rewatched": rng.poisson(completed * 0.05),
        "Episodes Watched": episodes,
    }
    missing = ~members.told

    def told(values: np.ndarray, which: int) -> np.ndarray:
        return np.where(missing[:, which], None, values.astype(object))

    who = {
        "Mal ID": members.user_ids,
        "Username": members.names(),
        "Gender": told(members.gender, 0),
        "Birthday": told(_days(members.born), 1),
        "Location": told(members.location, 2),
        "Joined": _days(members.joined),
    }
    frame = pd.DataFrame(who | {name: values.astype(float) for name, values in counts.items()})
    frame.loc[members.silent, list(counts)] = np.nan
    return frame


def _days(days: np.ndarray) -> np.ndarray:
    return np.char.add(days.astype(str), "T00:00:00+00:00")
