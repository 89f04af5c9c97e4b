"""The embedded sample: a real catalogue, and a community simulated from a model with known truth.

`generate` writes the three files of the 2023 dataset, and the truth beside them. The model:

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
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anirec.config import ROOT, InputError
from anirec.files import written_whole

CATALOGUE_DIR = ROOT / "data" / "sample"
ANIME, SCORES, DETAILS = "anime-dataset-2023.csv", "users-score-2023.csv", "users-details-2023.csv"
SEGMENT_FILE, FRANCHISE_FILE = "segments.csv", "franchises.csv"
TRUTH, TRUTH_TABLE = "truth.json", "truth.parquet"
CATALOGUE_FILES = tuple(CATALOGUE_DIR / name for name in (ANIME, SEGMENT_FILE, FRANCHISE_FILE))
"""The committed files that `generate` reads."""

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

GENDERS = {"Male": 0.60, "Female": 0.37, "Non-Binary": 0.03}
TILT = {
    "Male": {"mecha-scifi": 1.4, "adult": 1.3, "romance": 0.7},
    "Female": {"romance": 1.8, "music": 1.3, "mecha-scifi": 0.5, "adult": 0.4},
    "Non-Binary": {"music": 1.3},
}
"""How many times more common a segment is among members of a gender, before normalising."""


@dataclass(frozen=True)
class Effect:
    """A planted effect: by how much the mean of ``outcome`` changes with ``predictor``."""

    outcome: str
    predictor: str
    value: float


EFFECTS = {
    "completed_by_age": Effect("completed / started entries", "ten years of age", 0.04),
    "dropped_by_gender": Effect("dropped / started entries", "male rather than female", 0.03),
    "planned_by_age": Effect("planned / all entries", "ten years of age", -0.03),
    "started_by_years": Effect("natural log of started entries", "a year since joining", 0.06),
}
"""Started entries are those completed, dropped, on hold or being watched."""

RATING_COUNTS = np.array(
    [98069, 132092, 233675, 562822, 1379480, 2766482, 5452152, 6060484, 4429914, 3210021]
)
"""How often each score from 1 to 10 was given in the 2023 dataset, as published with it."""

SNAPSHOT = np.datetime64("2023-07-20")
"""Ages and years since joining are counted to this day."""

DAYS_A_YEAR = 365.2425

COHORTS = np.array([1984, 1992, 1998, 2004])
"""Birth years that stand for a member's era: the nearest one is taken."""

MAINSTREAM = (3, 9)
"""The beta distribution of the share of steps that a member takes in the mainstream."""

MAINSTREAM_EXPONENT = 1.7
"""In the mainstream the chance of an anime goes with this power of its members."""

N_FLAVOURS = 3
FLAVOUR_ODDS = 4.0
"""How many times likelier an anime of the preferred flavour is taken than one of another."""

DOMINANT = 0.6
"""A segment dominates a taste from this share of it on."""

BLOCK = 16_384
"""Members simulated at once."""

PILOT = 10_000
"""Members whose lists are drawn to find the cut points of the scores."""

GONE_FROM, N_GONE = 80_001, 5
"""The ids of anime that are scored and not in the catalogue."""

MAX_ROUNDS = 8
STEP = 16
"""Places in a race that one step takes: its entry and at most fifteen later parts."""


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

MISSING = {"Gender": 0.69, "Birthday": 0.77, "Location": 0.79}
"""The share of members who leave a field empty."""

LOCATIONS = {
    "California": 30, "Texas": 16, "New York": 14, "Florida": 12, "USA": 14, "United States": 10,
    "Chicago, IL": 5, "Seattle": 4, "Ohio": 6, "Michigan": 5, "Georgia, USA": 3, "Atlanta": 3,
    "London": 9, "England": 12, "UK": 8, "Manchester, UK": 2, "Scotland": 3, "Ireland": 4,
    "Canada": 12, "Ontario": 6, "Toronto": 5, "Vancouver, BC": 3, "Australia": 8, "Sydney": 4,
    "Melbourne, Australia": 4, "New Zealand": 3, "Germany": 12, "Berlin": 4, "Bavaria": 2,
    "France": 11, "Paris, France": 4, "Poland": 9, "Warsaw": 2, "Brazil": 12, "São Paulo": 4,
    "Rio de Janeiro, Brasil": 2, "Mexico": 8, "Ciudad de México": 2, "Argentina": 6,
    "Buenos Aires": 2, "Chile": 5, "Philippines": 11, "Manila": 3, "Indonesia": 10, "Jakarta": 3,
    "Malaysia": 6, "Singapore": 5, "India": 8, "Mumbai, India": 2, "Japan": 7, "Tokyo": 5,
    "Osaka, Japan": 2, "Russia": 6, "Moscow": 3, "Sweden": 6, "Stockholm": 2, "Norway": 4,
    "Oslo, Norway": 2, "Finland": 4, "Helsinki": 2, "Denmark": 3, "Netherlands": 6, "Italy": 6,
    "Rome, Italy": 2, "Spain": 6, "Madrid": 2, "Portugal": 5, "Lisbon": 2, "Turkey": 5,
    "Istanbul": 2, "Romania": 4, "Greece": 3, "Hungary": 3, "Israel": 2, "Egypt": 2,
    "South Africa": 2, "Vietnam": 3, "Thailand": 3, "the moon": 2, "of course": 1, "Earth": 3,
    "somewhere": 2, "Hell": 1, "behind you": 1, "In front of my PC": 1, "2D world": 1,
}  # fmt: skip
"""What members write where they live, and how often; some of it is no place."""

NAME_STARTS = [
    "Silent", "Crimson", "Lazy", "Hidden", "Azure", "Lucky", "Sleepy", "Rusty", "Velvet", "Iron",
    "Paper", "Tiny", "Lunar", "Solar", "Frozen", "Neon", "Quiet", "Wild", "Golden", "Silver",
    "Shadow", "Misty", "Stormy", "Gentle", "Hollow", "Bright", "Dusty", "Amber", "Jade", "Scarlet",
    "Winter", "Summer",
]  # fmt: skip
NAME_ENDS = [
    "Fox", "Crow", "Tiger", "Lantern", "Comet", "Blade", "Reader", "Otaku", "Sakura", "Neko",
    "Kitsune", "Ronin", "Pilot", "Wizard", "Pixel", "Ramen", "Dango", "Tofu", "Raven", "Wolf",
    "Koi", "Panda", "Samurai", "Mochi", "Sparrow", "Echo", "Ember", "Rain", "Moth", "Star", "Tea",
    "Ghost",
]  # fmt: skip


SEASONS = ["winter", "spring", "summer", "fall"]
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

TITLE_WORDS = [
    "Hoshi", "Tsuki", "Kaze", "Hana", "Yuki", "Sora", "Umi", "Mori", "Kawa", "Yama", "Hikari",
    "Kage", "Yume", "Kioku", "Kokoro", "Inochi", "Tsubasa", "Kiba", "Tsurugi", "Tate", "Yoroi",
    "Kagami", "Tobira", "Kagi", "Michi", "Hashi", "Machi", "Mura", "Shiro", "Tou", "Niwa", "Ie",
    "Gakkou", "Kyoushitsu", "Houkago", "Natsu", "Aki", "Fuyu", "Haru", "Asa", "Yoru", "Yuuhi",
    "Akatsuki", "Arashi", "Ame", "Kumo", "Niji", "Kiri", "Honoo", "Koori", "Ishi", "Suna", "Tetsu",
    "Gin", "Kin", "Hagane", "Garasu", "Ito", "Iro", "Oto", "Uta", "Koe", "Mai", "Odori", "Fue",
    "Taiko", "Piano", "Gitaa", "Hime", "Ouji", "Ou", "Kishi", "Majo", "Oni", "Ryuu", "Tora",
    "Ookami", "Kitsune", "Neko", "Inu", "Usagi", "Kuma", "Tori", "Tsuru", "Karasu", "Chou",
    "Hotaru", "Kame", "Sakana", "Kujira", "Mahou", "Senshi", "Tantei", "Kaizoku", "Ninja", "Bushi",
    "Hakase", "Sensei", "Senpai", "Imouto", "Ani", "Tomodachi", "Nakama", "Tabi", "Bouken",
    "Takara", "Chizu", "Fune", "Kisha", "Kuruma", "Robotto", "Kikai", "Uchuu", "Wakusei", "Ginga",
    "Chikyuu", "Mirai", "Kako", "Jikan", "Toki", "Eien", "Shunkan", "Negai", "Inori", "Yakusoku",
    "Himitsu", "Uso", "Shinjitsu", "Kotoba", "Tegami", "Hon",
]  # fmt: skip


def generate(target: Path, size: str = "default", seed: int = 0) -> None:
    """Write the catalogue, a simulated community and the truth about it into ``target``.

    Parameters
    ----------
    target : folder; made if need be. Each file is written whole or not at all.
    size : one of `SIZES`.
    seed : the same seed and size give the same bytes.

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
    members = simulate_members(shape, len(tables.anime), seed)
    with ExitStack() as files:
        into = {
            name: files.enter_context(written_whole(target / name))
            for name in (ANIME, SCORES, DETAILS, TRUTH_TABLE, TRUTH)
        }
        tables.anime.to_csv(into[ANIME], index=False, lineterminator="\n")
        catalogue = Catalogue.of(tables, seed)
        totals = _write_scores(into[SCORES], Race(catalogue, members), shape, seed)
        details = user_details(members, totals, seed)
        details.to_csv(into[DETAILS], index=False, lineterminator="\n")
        truth_table(members).to_parquet(into[TRUTH_TABLE], index=False)
        truth = {
            "size": size,
            "seed": seed,
            "n_anime": catalogue.size,
            "n_users": int((totals["count"] > 0).sum()),
            "n_scores": int(totals["count"].sum()),
            "effects": {name: asdict(effect) for name, effect in EFFECTS.items()},
            "segments": SEGMENTS,
            "segment_odds_by_gender": TILT,
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


# --- catalogue ------------------------------------------------------------------------------


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
    anime = pd.read_csv(CATALOGUE_DIR / ANIME, dtype="str", keep_default_na=False)
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
class Catalogue:
    """What the model knows of the anime, one element per anime.

    Attributes
    ----------
    anime_ids : int32 (n,). titles : the names.
    quality : float32 (n,), the catalogue's score, standardised.
    entry : float64 (n,), how often a list enters the franchise here, before taste.
    year : int64 (n,). segments : bool (n, n_segments). flavour : int64 (n,).
    following : int64 (n,), the franchise's next part in order of airing; -1 where none is.
    keep : float32 (n,), the chance that who has gone through the earlier parts takes this one.
    """

    anime_ids: np.ndarray
    titles: list[str]
    quality: np.ndarray
    entry: np.ndarray
    year: np.ndarray
    segments: np.ndarray
    flavour: np.ndarray
    following: np.ndarray
    keep: np.ndarray

    @classmethod
    def of(cls, tables: Tables, seed: int = 0) -> Catalogue:
        """Return the catalogue as numbers; ``seed`` draws the flavours of the franchises."""
        anime = tables.anime
        began = _first_days(anime["Aired"])
        franchise = pd.factorize(np.array(tables.franchise))[0]
        members = anime["Members"].to_numpy(dtype=np.float64)
        following, keep, entry = _chains(franchise, began, members)
        score = pd.to_numeric(anime["Score"], errors="coerce")
        score = score.fillna(score.mean()).to_numpy()
        rng = np.random.default_rng([seed, 0])
        return cls(
            anime_ids=anime["anime_id"].to_numpy(dtype=np.int32),
            titles=anime["Name"].tolist(),
            quality=((score - score.mean()) / score.std()).astype(np.float32),
            entry=entry,
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
    """Return ``following``, ``keep`` and ``entry`` of `Catalogue`.

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


# --- members --------------------------------------------------------------------------------


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


def simulate_members(shape: Size, n_anime: int, seed: int = 0) -> Members:
    """Draw the members of a community, with everything but their lists."""
    rng = np.random.default_rng([seed, 1])
    n = shape.n_members
    user_ids = np.sort(rng.choice(int(n * 1.77), n, replace=False)).astype(np.int32) + 1
    first, last = np.datetime64("2004-11-05"), np.datetime64("2023-05-31")
    joined = first + ((np.arange(n) / n) ** 0.75 * (last - first).astype(int)).astype(int)
    years = (SNAPSHOT - joined).astype(int) / DAYS_A_YEAR
    age = 13 + rng.gamma(2.2, 3, n) + years
    born = SNAPSHOT - np.ceil(age * DAYS_A_YEAR).astype(int)
    gender = rng.choice(list(GENDERS), n, p=list(GENDERS.values()))
    birth_year = born.astype("datetime64[Y]").astype(int) + 1970
    started = _list_lengths(rng, years)
    wanted = _wanted(rng, started, shape, n_anime)
    started[(wanted == 0) & (rng.random(n) < 0.2)] = 0
    divided, planned = _divide(rng, started, age, gender)
    open_hearted = 0.42
    told = rng.random((n, 3)) < (1 - np.array(list(MISSING.values()))) / open_hearted
    told &= rng.random((n, 1)) < open_hearted
    silent = np.zeros(n, dtype=bool)
    silent[rng.choice(np.flatnonzero(wanted == 0), shape.silent, replace=False)] = True
    weights = np.array(list(LOCATIONS.values()), dtype=float)
    return Members(
        user_ids=user_ids,
        joined=joined,
        born=born,
        gender=gender,
        taste=_tastes(rng, gender),
        mainstream=rng.beta(*MAINSTREAM, n).astype(np.float32),
        flavour=rng.integers(0, N_FLAVOURS, (n, len(SEGMENTS) + 1)),
        cohort=np.abs(birth_year[:, None] - COHORTS).argmin(axis=1),
        shift=rng.normal(0, 0.6, n).astype(np.float32),
        stretch=np.exp(rng.normal(0, 0.25, n)).astype(np.float32),
        wanted=wanted,
        divided=divided,
        planned=planned,
        told=told,
        location=rng.choice(np.array(list(LOCATIONS)), n, p=weights / weights.sum()),
        silent=silent,
    )


def _list_lengths(rng: np.random.Generator, years: np.ndarray) -> np.ndarray:
    """Return how many entries each member started: lognormal, more with the years."""
    log = 4.0 + EFFECTS["started_by_years"].value * years + rng.normal(0, 1.25, len(years))
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
    rng: np.random.Generator, started: np.ndarray, age: np.ndarray, gender: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return completed, dropped, on hold, watching (n, 4), and planned entries (n,)."""
    decades = (age - 25) / 10
    completed = 0.66 + EFFECTS["completed_by_age"].value * decades
    dropped = 0.09 + EFFECTS["dropped_by_gender"].value * (gender == "Male")
    on_hold = np.full(len(started), 0.06)
    means = np.column_stack([completed, dropped, on_hold, 1 - completed - dropped - on_hold])
    shares = rng.standard_gamma(np.maximum(means, 0.01) * 12)
    divided = rng.multinomial(started, shares / shares.sum(axis=1, keepdims=True))
    planned_mean = np.maximum(0.25 + EFFECTS["planned_by_age"].value * decades, 0.02)
    planned_share = rng.beta(planned_mean * 6, (1 - planned_mean) * 6)
    planned = started * planned_share / (1 - planned_share)
    return divided, np.floor(planned + rng.random(len(started))).astype(int)


def _tastes(rng: np.random.Generator, gender: np.ndarray) -> np.ndarray:
    """Return each member's taste, (n, n_segments): most have one segment that dominates."""
    n = len(gender)
    common = np.zeros((n, len(SEGMENTS)))
    for name in GENDERS:
        tilted = np.array([p * TILT[name].get(s, 1.0) for s, p in SEGMENTS.items()])
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


# --- lists and scores -----------------------------------------------------------------------


@dataclass(frozen=True)
class Entries:
    """List entries: member and anime as positions, place in the race, enjoyment."""

    member: np.ndarray
    anime: np.ndarray
    place: np.ndarray
    enjoyment: np.ndarray

    def take(self, which: np.ndarray) -> Entries:
        return Entries(
            self.member[which], self.anime[which], self.place[which], self.enjoyment[which]
        )

    @classmethod
    def joined(cls, parts: list[Entries]) -> Entries:
        names = ("member", "anime", "place", "enjoyment")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class Race:
    """Draws lists: which anime a step takes, and what follows from it.

    Parameters
    ----------
    catalogue : the anime. members : the people.
    """

    def __init__(self, catalogue: Catalogue, members: Members) -> None:
        self.catalogue, self.members = catalogue, members
        self.cumulative_taste = members.taste.cumsum(axis=1)
        self.tables = _step_tables(catalogue)

    def lists(self, rng: np.random.Generator, users: np.ndarray) -> Entries:
        """Return the lists of ``users`` (positions), sorted by member and place in the race."""
        wanted = self.members.wanted
        entries = None
        need = wanted[users].astype(float)
        for attempt in range(MAX_ROUNDS):
            # The more of what a member likes is on the list, the more steps lead to what is there.
            steps = np.where(need > 0, np.ceil(need * 0.9 * (attempt + 1)) + 1, 0).astype(int)
            racers = np.repeat(users, steps)
            drawn = self._walk(rng, racers, attempt)
            entries = drawn if entries is None else Entries.joined([entries, drawn])
            entries = self._first_of_each(entries)
            counts = np.bincount(entries.member, minlength=self.members.size)
            need = wanted[users] - counts[users]
            if not (need > 0).any():
                break
        entries = entries.take(np.lexsort((entries.place, entries.member)))
        starts = np.concatenate([[0], np.cumsum(np.bincount(entries.member))])
        position = np.arange(len(entries.member)) - starts[entries.member]
        return entries.take(position < wanted[entries.member])

    def _walk(self, rng: np.random.Generator, racers: np.ndarray, attempt: int) -> Entries:
        """Take one step per element of ``racers`` and go through the franchises entered."""
        catalogue = self.catalogue
        anime = self._steps(rng, racers)
        place = (np.int64(attempt) << 40) + np.arange(len(racers), dtype=np.int64) * STEP
        franchise = rng.standard_normal(len(racers), dtype=np.float32) * np.float32(0.4)
        enjoyment = self._enjoyment(rng, racers, anime, franchise)
        parts = [Entries(racers, anime, place, enjoyment)]
        for later in range(1, STEP):
            goes_on = catalogue.following[anime] >= 0
            racers, franchise, place = racers[goes_on], franchise[goes_on], place[goes_on]
            enjoyment, anime = enjoyment[goes_on], catalogue.following[anime[goes_on]]
            if not len(racers):
                break
            chance = catalogue.keep[anime] * 2 / (1 + np.exp(-1.2 * enjoyment))
            taken = rng.random(len(racers)) < np.minimum(chance, 0.97)
            found = self._enjoyment(rng, racers[taken], anime[taken], franchise[taken])
            enjoyment[taken] = found
            parts.append(Entries(racers[taken], anime[taken], place[taken] + later, found))
        return Entries.joined(parts)

    def _steps(self, rng: np.random.Generator, racers: np.ndarray) -> np.ndarray:
        """Return the anime that each step takes, as positions in the catalogue."""
        members, n_segments = self.members, len(SEGMENTS)
        at = rng.random(len(racers), dtype=np.float32)[:, None]
        segment = (at > self.cumulative_taste[racers]).sum(axis=1).clip(max=n_segments - 1)
        mainstream = rng.random(len(racers), dtype=np.float32) < members.mainstream[racers]
        segment[mainstream] = n_segments
        table = (segment * len(COHORTS) + members.cohort[racers]) * N_FLAVOURS
        table = (table + members.flavour[racers, segment]).astype(np.uint8)
        order = np.argsort(table, kind="stable")
        ends = np.cumsum(np.bincount(table, minlength=len(self.tables)))
        anime = np.empty(len(racers), dtype=np.int64)
        at = rng.random(len(racers))
        for cumulative, stop, start in zip(self.tables, ends, [0, *ends[:-1]], strict=True):
            those = order[start:stop]
            anime[those] = np.searchsorted(cumulative, at[those] * cumulative[-1], side="right")
        return anime

    def _enjoyment(
        self,
        rng: np.random.Generator,
        racers: np.ndarray,
        anime: np.ndarray,
        franchise: np.ndarray,
    ) -> np.ndarray:
        """Return ``quality + affinity + franchise + noise``, standard deviation about one."""
        quality = 0.4 * self.catalogue.quality[anime]
        match = (self.members.taste[racers] * self.catalogue.segments[anime]).max(axis=1)
        noise = rng.standard_normal(len(racers), dtype=np.float32)
        return (quality + 0.9 * (match - 0.4) + franchise + 0.75 * noise).astype(np.float32)

    def _first_of_each(self, entries: Entries) -> Entries:
        """Drop the later ones of entries with the same member and anime."""
        entries = entries.take(np.argsort(entries.place, kind="stable"))
        pair = entries.member * np.int64(self.catalogue.size) + entries.anime
        return entries.take(np.unique(pair, return_index=True)[1])

    def latent(self, entries: Entries) -> np.ndarray:
        """Return the latent score of each entry: enjoyment on the member's own scale."""
        members = self.members
        return members.stretch[entries.member] * entries.enjoyment + members.shift[entries.member]


def _step_tables(catalogue: Catalogue) -> list[np.ndarray]:
    """Return the cumulative weights of all anime per segment (the mainstream last), cohort and
    flavour, in that order."""
    share = catalogue.segments / catalogue.segments.sum(axis=1, keepdims=True) ** 0.5
    adult = catalogue.segments[:, list(SEGMENTS).index("adult")]
    mainstream = catalogue.entry ** (MAINSTREAM_EXPONENT - 1) * ~adult
    tables = []
    for chosen in [*share.T, mainstream]:
        for birth_year in COHORTS:
            nearness = np.exp(-np.abs(catalogue.year - (birth_year + 17)) / 20)
            for flavour in range(N_FLAVOURS):
                odds = np.where(catalogue.flavour == flavour, FLAVOUR_ODDS, 1.0)
                tables.append(np.cumsum(catalogue.entry * chosen * nearness * odds))
    return tables


def _blocks(members: Members) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of each block and the positions of its members who have scores."""
    for number, start in enumerate(range(0, members.size, BLOCK)):
        yield number, start + np.flatnonzero(members.wanted[start : start + BLOCK])


def _cut_points(race: Race, seed: int) -> np.ndarray:
    """Return the nine latent scores that part 1 to 10 in the 2023 dataset's shares.

    They are quantiles over lists drawn for the purpose, of `PILOT` members at random.
    """
    rng = np.random.default_rng([seed, 6])
    users = np.flatnonzero(race.members.wanted)
    some = np.sort(rng.permutation(users)[:PILOT])
    latent = race.latent(race.lists(rng, some))
    return np.quantile(latent, np.cumsum(RATING_COUNTS)[:-1] / RATING_COUNTS.sum())


# --- files ----------------------------------------------------------------------------------


class ScoresFile:
    """The scores file, its rows joined from ready-made pieces of text.

    Parameters
    ----------
    stream : opened for bytes. catalogue, members : what positions mean.
    """

    def __init__(self, stream: BinaryIO, catalogue: Catalogue, members: Members) -> None:
        self.stream = stream
        self.users = _pieces(members.user_ids.tolist(), members.names())
        self.nameless = _pieces(members.user_ids.tolist(), [""] * members.size)
        gone = range(GONE_FROM, GONE_FROM + N_GONE)
        self.anime = _pieces(
            [*catalogue.anime_ids.tolist(), *gone],
            [*catalogue.titles, *(f"Removed Entry {number}" for number in range(1, N_GONE + 1))],
        )
        self.ratings = pa.array([f"{rating}\n" for rating in range(1, 11)])
        stream.write(b"user_id,Username,anime_id,Anime Title,rating\n")

    def write(
        self,
        member: np.ndarray,
        anime: np.ndarray,
        rating: np.ndarray,
        nameless: np.ndarray | None = None,
    ) -> None:
        """Write rows; ``anime`` from the catalogue's size on are those that are gone."""
        users = self.users.take(pa.array(member))
        if nameless is not None:
            users = pc.if_else(pa.array(nameless), self.nameless.take(pa.array(member)), users)
        rows = pc.binary_join_element_wise(
            users, self.anime.take(pa.array(anime)), self.ratings.take(pa.array(rating - 1)), ""
        )
        ends = np.frombuffer(rows.buffers()[1], dtype=np.int32)
        self.stream.write(rows.buffers()[2][: int(ends[len(rows)])])


def _write_scores(file: Path, race: Race, shape: Size, seed: int) -> pd.DataFrame:
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
            scores.write(entries.member, entries.anime, rating, nameless)
            twice = rng.choice(len(rating), n_twice, replace=False)
            changed = np.clip(rating[twice] + rng.integers(-1, 2, n_twice), 1, 10)
            scores.write(entries.member[twice], entries.anime[twice], changed)
            gone = n_anime + rng.integers(0, N_GONE, n_orphans)
            scores.write(rng.choice(users, n_orphans), gone, rng.integers(1, 11, n_orphans))
    return pd.DataFrame({"count": count, "total": total})


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
