"""Whose numbers the anime of a table have, and which of MyAnimeList's they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from anirec.config import Paths
from anirec.datasets.cells import completed
from anirec.datasets.ingest import ingest
from anirec.datasets.numbering import known_anime, numbered_as_mal, with_mal_ids
from anirec.datasets.parsing import TYPES
from anirec.datasets.sample import read_tables
from anirec.datasets.schema import arrow_schema, validated


def table(ids: list[int], titles: list[str], **more: list) -> pa.Table:
    return completed("anime", pa.table({"anime_id": ids, "title": titles, **more}), {})


def mal_ids(anime: pa.Table, own_from: int | None = None) -> dict[int, int | None]:
    found = validated("anime", with_mal_ids(anime, own_from))
    return dict(zip(found["anime_id"].to_pylist(), found["mal_id"].to_pylist(), strict=True))


KNOWN = [
    (1, "Cowboy Bebop"),
    (20, "Naruto"),
    (199, "Sen to Chihiro no Kamikakushi"),
    (1535, "Death Note"),
    (5114, "Fullmetal Alchemist: Brotherhood"),
]
IDS, TITLES = map(list, zip(*KNOWN, strict=True))


def test_facts_known_by_hand_are_distinct() -> None:
    ids, titles = zip(*((one.mal_id, one.title) for one in known_anime()), strict=True)
    assert len(set(ids)) == len(set(titles)) == len(ids) >= 100
    assert set(KNOWN) <= set(zip(ids, titles, strict=True))
    assert {one.type for one in known_anime()} <= set(TYPES)


def test_numbers_that_agree_are_taken_over_for_all() -> None:
    anime = table([*IDS, 99_123], [*TITLES, "Something New"])
    assert mal_ids(anime) == {number: number for number in [*IDS, 99_123]}


def test_titles_that_were_renamed_do_not_hide_whose_numbers_they_are() -> None:
    titles = [*TITLES[:3], "DEATH NOTE (TV)", "FMA:B"]
    assert numbered_as_mal(table(IDS, titles))
    english = table(IDS, ["a", "b", "c", "d", "e"], title_english=TITLES)
    assert numbered_as_mal(english)


def test_stub_titles_say_nothing() -> None:
    anime = completed("anime", None, dict.fromkeys(IDS))
    assert not numbered_as_mal(anime)
    assert set(mal_ids(anime).values()) == {None}


def test_other_numbers_get_ids_by_exact_titles_alone() -> None:
    titles = [*TITLES, "Naruto: Shippuuden (2007)", "death note", "Naruto Gaiden"]
    anime = table(list(range(1, 9)), titles)
    assert mal_ids(anime) == dict(enumerate(IDS, start=1)) | {6: None, 7: None, 8: None}


@pytest.mark.parametrize(
    ("titles", "types"), [(["Naruto", "Naruto"], [None, None]), (["Naruto"], ["Movie"])]
)
def test_title_that_may_be_another_anime_s_tells_nothing(titles: list, types: list) -> None:
    kinds = pa.array(types, pa.string())
    anime = table([7, 8][: len(titles)], titles, type=kinds)
    assert set(mal_ids(anime).values()) == {None}


def test_own_numbers_beyond_a_limit_are_never_taken_for_mal_s() -> None:
    anime = table([*IDS, 90_001, 90_002], [*TITLES, "Kaleido Star", "Unheard Of"])
    assert mal_ids(anime, 80_001) == {**{i: i for i in IDS}, 90_001: 427, 90_002: None}


def test_stated_ids_stay_and_no_two_anime_have_one() -> None:
    anime = table(IDS, TITLES, mal_id=pa.array([5, None, 7, 5, None], pa.int32()))
    assert mal_ids(anime) == {1: 5, 20: None, 199: 7, 1535: None, 5114: None}


def test_renumbered_real_catalogue_gets_the_right_ids_or_none(
    real_data: Path, tmp_path: Path
) -> None:
    ingest(Paths.of("mal-2016", real_data / "mal-2016", tmp_path))
    anime = pd.read_parquet(tmp_path / "anime.parquet").dropna(subset="mal_id")
    assert len(anime) >= 400 and anime["mal_id"].is_unique
    real = pd.read_csv(real_data / "mal-2023" / "anime-dataset-2023.csv", nrows=1820)
    named = real.set_index("anime_id")["Name"]
    both = anime[anime["mal_id"].isin(named.index)]
    assert len(both) >= 100
    assert (both["title"].to_numpy() == named[both["mal_id"]].to_numpy()).all()


def test_real_catalogue_keeps_its_numbers(real_data: Path, tmp_path: Path) -> None:
    ingest(Paths.of("mal-2023", real_data / "mal-2023", tmp_path))
    anime = pd.read_parquet(tmp_path / "anime.parquet")
    assert (anime["mal_id"] == anime["anime_id"]).all()


def test_sample_s_own_numbers_are_not_mal_s(
    tiny_raw: Path, tmp_path: Path, real_data: Path
) -> None:
    ingest(Paths.of("sample", tiny_raw, tmp_path))
    anime = pd.read_parquet(tmp_path / "anime.parquet")
    own = anime["anime_id"] >= 80_001
    assert (anime["mal_id"] == anime["anime_id"])[~own].all()
    known = {one.title: one.mal_id for one in known_anime()}
    told = anime[own & anime["mal_id"].notna()]
    assert len(told) >= 10
    assert told["title"].map(known).to_numpy().tolist() == told["mal_id"].tolist()
    real = pd.read_csv(real_data / "mal-2023" / "anime-dataset-2023.csv", nrows=1820)
    wrong = anime.merge(real, left_on="mal_id", right_on="anime_id").query("title != Name")
    assert wrong["title"].tolist() == ["Tennis no Oujisama"]  # renamed since


def test_extended_sample_keeps_its_own_numbers_too() -> None:
    frame = read_tables(1_500, seed=0).anime
    anime = table(frame["anime_id"].astype(np.int32).tolist(), frame["Name"].tolist())
    found = mal_ids(anime, 80_001)
    assert all(mal is None or mal < 80_001 for mal in found.values())
    assert arrow_schema("anime").field("mal_id").type == pa.int32()
