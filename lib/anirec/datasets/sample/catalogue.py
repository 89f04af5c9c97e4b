"""The sample's anime: the committed catalogue, invented ones beside it, and both as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from anirec.config import ROOT
from anirec.datasets.parsing import SEASONS
from anirec.datasets.sample.words import TITLE_WORDS

CATALOGUE_DIR = ROOT / "data" / "sample"
ANIME_FILE = "anime-dataset-2023.csv"
SEGMENT_FILE, FRANCHISE_FILE = "segments.csv", "franchises.csv"
CATALOGUE_FILES = tuple(CATALOGUE_DIR / name for name in (ANIME_FILE, SEGMENT_FILE, FRANCHISE_FILE))
"""The committed files that a community is generated from."""

UNKNOWN_EPISODES = 12
"""How many episodes an anime has for the model where the catalogue does not say."""

SEGMENTS = {
    "comedy": 0.12,
    "fantasy-adventure": 0.12,
    "romance": 0.12,
    "sports": 0.10,
    "supernatural-action": 0.14,
    "music": 0.08,
    "kids": 0.08,
    "mecha-scifi": 0.10,
    "slice-of-life": 0.10,
    "adult": 0.04,
}
"""The taste segments, and how common each is among members who did not say their gender."""

N_FLAVOURS = 3
"""Within a segment anime are of so many flavours; a member prefers one."""

ADULT_RATING = "Rx - Hentai"

INVENTED_FROM = 200_001
"""The first id of the invented anime, far above MyAnimeList's."""

INVENTED = {
    "TV": ([12, 12, 13, 24, 26], "24 min per ep"),
    "Movie": ([1], "1 hr 32 min"),
    "OVA": ([1, 2, 2, 3, 4], "28 min per ep"),
    "ONA": ([6, 10, 12], "5 min per ep"),
    "Special": ([1, 1, 2, 3], "23 min per ep"),
    "Music": ([1], "4 min"),
}
"""Numbers of episodes and the duration of an invented anime, by type."""

FIRST_AND_LATER = ([0.42, 0.12, 0.20, 0.13, 0.06, 0.07], [0.45, 0.17, 0.16, 0.05, 0.16, 0.01])
"""Shares of the types among first and later parts."""


@dataclass(frozen=True)
class Tables:
    """The catalogue as text.

    Attributes
    ----------
    anime : the 24 columns of the 2023 dataset, all text.
    segments : list of segments of each row. franchise : what the parts of one share, of each row.
    """

    anime: pd.DataFrame
    segments: list[list[str]]
    franchise: list[str]


def read_segments() -> pd.Series:
    """Return the hand-labelled segments of the committed anime: lists of names by anime id."""
    return pd.read_csv(CATALOGUE_DIR / SEGMENT_FILE).groupby("anime_id")["segment"].agg(list)


def read_tables(n_anime: int | None = None, seed: int = 0) -> Tables:
    """Return the committed catalogue, extended with invented anime to ``n_anime`` if given."""
    anime = pd.read_csv(CATALOGUE_DIR / ANIME_FILE, dtype="str", keep_default_na=False)
    parts = pd.read_csv(CATALOGUE_DIR / FRANCHISE_FILE, dtype="str")
    franchise_of = parts.set_index("anime_id")["franchise"]
    tables = Tables(
        anime=anime,
        segments=anime["anime_id"].astype(int).map(read_segments()).tolist(),
        franchise=anime["anime_id"].map(franchise_of).fillna(anime["anime_id"]).tolist(),
    )
    if n_anime is None:
        return tables
    return _extended(tables, n_anime, np.random.default_rng([seed, 5]))


def _extended(tables: Tables, n_anime: int, rng: np.random.Generator) -> Tables:
    """Return the catalogue with invented anime after the real ones, ``n_anime`` in all.

    An invented franchise has the genres, segments, source, studio and age rating of a real anime,
    a later part one year after the one before; popularity and score are those of the long tail.
    """
    old = tables.anime
    n_new = n_anime - len(old)
    n_parts = np.minimum(rng.geometric(0.62, n_new), 8)
    franchise = np.repeat(np.arange(n_new), n_parts)[:n_new]
    part = np.arange(n_new) - np.searchsorted(franchise, franchise)
    template = rng.integers(0, len(old), n_new)[franchise]
    year = old["Aired"].str.extract(r"(\d{4})", expand=False).astype(int).to_numpy()[template]
    year = np.clip(year + rng.integers(-2, 3, n_new)[franchise] + part, 1963, 2023)
    season = rng.integers(0, 4, n_new)
    kind = np.where(part == 0, *(rng.choice(list(INVENTED), n_new, p=p) for p in FIRST_AND_LATER))
    episodes = np.array([rng.choice(INVENTED[name][0]) for name in kind])
    liked = rng.normal(0, 0.6, n_new)
    members = np.exp(8.3 + 1.2 * rng.normal(0, 1, n_new)[franchise] + 0.8 * liked - 0.3 * part)
    members = np.clip(members, 100, 200_000).astype(int)
    first = pd.Series(pd.to_datetime({"year": year, "month": season * 3 + 1, "day": 1 + part}))
    last = first + pd.to_timedelta(7 * (episodes - 1), unit="D")
    spans = (kind == "TV") | (episodes > 1)
    new = old.iloc[template].reset_index(drop=True)
    text = {
        "anime_id": INVENTED_FROM + np.arange(n_new),
        "Name": _invented_names(rng, franchise, part),
        "Score": np.clip(6.5 + 0.7 * liked + 0.12 * np.log(members / 4000), 2, 9).round(2),
        "Type": kind,
        "Episodes": episodes.astype(float),
        "Aired": np.where(spans, _spoken(first) + " to " + _spoken(last), _spoken(first)),
        "Premiered": np.where(
            kind == "TV",
            pd.Series(np.array(SEASONS)[season]) + " " + pd.Series(year).astype(str),
            "UNKNOWN",
        ),
        "Duration": [INVENTED[name][1] for name in kind],
        "Favorites": members // 300,
        "Scored By": (members // 2).astype(float),
        "Members": members,
    }
    for name, values in text.items():
        new[name] = pd.Series(values).astype(str)
    for name in ("English name", "Other name", "Synopsis", "Producers", "Licensors"):
        new[name] = "UNKNOWN"
    new["Status"] = "Finished Airing"
    return Tables(
        anime=_ranked(pd.concat([old, new], ignore_index=True)),
        segments=[*tables.segments, *(tables.segments[row] for row in template)],
        franchise=[*tables.franchise, *(f"invented {number}" for number in franchise)],
    )


def _invented_names(rng: np.random.Generator, franchise: np.ndarray, part: np.ndarray) -> list[str]:
    """Return distinct titles, the later parts of a franchise numbered."""
    n_words = len(TITLE_WORDS)
    pairs = rng.permutation(n_words * n_words)[franchise % n_words**2]
    first, second = np.array(TITLE_WORDS)[pairs // n_words], np.array(TITLE_WORDS)[pairs % n_words]
    number = np.where(part > 0, np.char.add(" ", (part + 1).astype(str)), "")
    return [f"{a} no {b}{n}" for a, b, n in zip(first, second, number, strict=True)]


def _spoken(days: pd.Series) -> pd.Series:
    """Return dates as the dataset writes them: ``Apr 3, 1998``."""
    return days.dt.strftime("%b ") + days.dt.day.astype(str) + days.dt.strftime(", %Y")


def _ranked(anime: pd.DataFrame) -> pd.DataFrame:
    """Return the anime with ``Rank`` by score (none for adult ones) and ``Popularity`` by
    members."""
    score = pd.to_numeric(anime["Score"], errors="coerce")
    score = score.where(anime["Rating"] != ADULT_RATING)
    rank = score.rank(method="first", ascending=False)
    popularity = anime["Members"].astype(int).rank(method="first", ascending=False)
    return anime.assign(
        Rank=rank.astype(str).where(rank.notna(), "UNKNOWN"),
        Popularity=popularity.astype(int).astype(str),
    )


@dataclass(frozen=True)
class SampleCatalogue:
    """What the model knows of the anime, one element per anime.

    Attributes
    ----------
    anime_ids : int32 (n,). titles : the names.
    quality : float32 (n,), the catalogue's score, standardised.
    entry : float64 (n,), how often a list enters the franchise here, before taste.
    episodes : int64 (n,), one or more. began : datetime64[D] (n,), the first day.
    year : int64 (n,). segments : bool (n, n_segments). flavour : int64 (n,).
    following : int64 (n,), the franchise's next part in order of airing; -1 where none is.
    keep : float32 (n,), the chance that who has gone through the earlier parts takes this one.
    """

    anime_ids: np.ndarray
    titles: list[str]
    quality: np.ndarray
    entry: np.ndarray
    episodes: np.ndarray
    began: np.ndarray
    year: np.ndarray
    segments: np.ndarray
    flavour: np.ndarray
    following: np.ndarray
    keep: np.ndarray

    @classmethod
    def of(cls, tables: Tables, seed: int = 0) -> SampleCatalogue:
        """Return the catalogue as numbers; ``seed`` draws the flavours of the franchises."""
        anime = tables.anime
        began = _first_days(anime["Aired"])
        franchise = pd.factorize(np.array(tables.franchise))[0]
        members = anime["Members"].to_numpy(dtype=np.float64)
        following, keep, entry = _chains(franchise, began, members)
        episodes = pd.to_numeric(anime["Episodes"], errors="coerce")
        score = pd.to_numeric(anime["Score"], errors="coerce")
        score = score.fillna(score.mean()).to_numpy()
        rng = np.random.default_rng([seed, 0])
        return cls(
            anime_ids=anime["anime_id"].to_numpy(dtype=np.int32),
            titles=anime["Name"].tolist(),
            quality=((score - score.mean()) / score.std()).astype(np.float32),
            entry=entry,
            episodes=episodes.fillna(UNKNOWN_EPISODES).to_numpy(dtype=np.int64),
            began=began,
            year=began.astype("datetime64[Y]").astype(int) + 1970,
            segments=np.array([[name in own for name in SEGMENTS] for own in tables.segments]),
            flavour=rng.integers(0, N_FLAVOURS, franchise.max() + 1)[franchise],
            following=following,
            keep=keep.astype(np.float32),
        )

    @property
    def size(self) -> int:
        return len(self.anime_ids)


def _first_days(aired: pd.Series) -> np.ndarray:
    """Return the day each anime began, datetime64[D]: the first date in ``Aired``."""
    first = aired.str.split(" to ").str[0]
    days = pd.to_datetime(first, format="%b %d, %Y", errors="coerce")
    for format in ("%b, %Y", "%b %Y", "%Y"):
        days = days.fillna(pd.to_datetime(first, format=format, errors="coerce"))
    return days.to_numpy().astype("datetime64[D]")


def _chains(
    franchise: np.ndarray, began: np.ndarray, members: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``following``, ``keep`` and ``entry`` of `SampleCatalogue`.

    A later part is taken by the ratio of its popularity to that of the most popular part before
    it; what of its popularity that does not explain enters the franchise there.
    """
    order = np.lexsort((began, franchise))
    following = np.full(len(order), -1)
    keep, entry = np.zeros(len(order)), members.copy()
    most = 0.0
    for before, now in pairwise(order):
        if franchise[before] != franchise[now]:
            most = 0.0
            continue
        most = max(most, members[before])
        following[before] = now
        keep[now] = min(0.9, members[now] / most)
        entry[now] = max(0.03 * members[now], members[now] - keep[now] * most)
    return following, keep, entry
