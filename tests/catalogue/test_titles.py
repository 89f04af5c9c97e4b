"""Search by name, abbreviation and typo."""

from __future__ import annotations

import pandas as pd
import pytest

from anirec.catalogue.title_forms import normalized
from anirec.catalogue.titles import SIMILAR, TITLE, TitleIndex, UnknownTitle

ROWS = [
    # id, romaji, English, Japanese, members
    (1, "Shingeki no Kyojin", "Attack on Titan", "進撃の巨人", 900),
    (2, "Shingeki no Kyojin Season 2", "Attack on Titan Season 2", "進撃の巨人 Season2", 500),
    (3, "Fullmetal Alchemist: Brotherhood", None, "鋼の錬金術師", 800),
    (4, "Fullmetal Alchemist", "Fullmetal Alchemist", "鋼の錬金術師", 600),
    (5, "Full Metal Panic!", "Full Metal Panic!", None, 300),
    (6, "Hunter x Hunter (2011)", "Hunter x Hunter", "HUNTER×HUNTER", 700),
    (7, "Sword Art Online", None, None, 850),
    (8, "Saori-san", None, None, 5),
    (9, "Steins;Gate", None, "シュタインズ・ゲート", 780),
    (10, "Gintama", None, "銀魂", 400),
    (11, "Gintama'", None, "銀魂'", 200),
    (12, "K-On!", None, "けいおん！", 450),
    (13, "K-On!!", None, "けいおん!!", 350),
    (14, "Ore no Imouto ga Konnani Kawaii Wake ga Nai", "Oreimo", None, 420),
    (15, "Pokémon", None, "ポケットモンスター", 410),
    (16, "Naruto", None, "ナルト", 690),
    (17, "Naruto: Shippuuden", None, None, 650),
    (18, "Metal Armor Dragonar", None, None, 10),
]


@pytest.fixture(scope="module")
def titles() -> TitleIndex:
    names = ["anime_id", "title", "title_english", "title_japanese", "members"]
    return TitleIndex(pd.DataFrame(ROWS, columns=names))


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("naruto", 16),
        ("NARUTO", 16),
        ("naruto sh", 17),
        ("attack on", 1),
        ("進撃の巨人", 1),
        ("巨人", 1),
        ("brotherhood", 3),
        ("pokemon", 15),
        ("ポケット", 15),
        ("gintama", 10),
        ("Gintama'", 11),
        ("銀魂'", 11),
        ("K-On!!", 13),
        ("snk", 1),
        ("aot", 1),
        ("hxh", 6),
        ("fmab", 3),
        ("fma", 4),
        ("sao", 7),
        ("saori", 8),
        ("kon", 12),
        ("steinsgate", 9),
        ("oreimo", 14),
        ("narto", 16),
        ("nartuo", 16),
        ("shingki no kyojn", 1),
        ("fulmetal alchemist broterhood", 3),
        ("atack on titn", 1),
        ("alchemist full metal", 4),
    ],
)
def test_what_comes_first(titles: TitleIndex, typed: str, first: int) -> None:
    assert titles.search(typed)[0] == first


def test_equal_then_prefix_then_words_then_alike(titles: TitleIndex) -> None:
    assert titles.search("full metal")[:1] == [5]
    found = titles.search("metal")
    assert found[0] == 18  # starts with it, however unpopular
    assert found.index(5) == 1  # a word starts with it
    assert titles.search("fullmetal alchemist")[:2] == [4, 3]


def test_more_popular_first_on_ties(titles: TitleIndex) -> None:
    assert titles.search("shingeki") == [1, 2]
    assert titles.search("鋼")[:2] == [3, 4]


def test_limit_and_nothing_found(titles: TitleIndex) -> None:
    assert len(titles.search("s", limit=2)) == 2
    assert titles.search("") == []
    assert titles.search("   ") == []
    assert titles.search("qqqqqq") == []


def test_an_unknown_title_suggests_three(titles: TitleIndex) -> None:
    with pytest.raises(UnknownTitle, match="no anime is called 'Alchemists of metal'") as caught:
        titles.resolve("Alchemists of metal")
    suggested = str(caught.value).partition("did you mean ")[2].rstrip("?").split("; ")
    assert len(suggested) == 3
    assert suggested[0].startswith("Fullmetal Alchemist")
    with pytest.raises(UnknownTitle, match=r"no anime is called ''$"):
        titles.resolve("")


def test_certain_and_begun_names(titles: TitleIndex) -> None:
    assert titles.meant("NARUTO").anime_id == 16
    assert titles.meant("NARUTO").how == TITLE
    assert titles.resolve("Naruto Ship") == 17  # broken off within a word
    assert titles.meant("Naruto Ship") is None


def test_is_name(titles: TitleIndex) -> None:
    assert titles.is_name("steins gate")
    assert not titles.is_name("steins")


@pytest.mark.parametrize("name", [None, " "])
def test_a_catalogue_without_names(name: str | None) -> None:
    nameless = pd.DataFrame({"anime_id": [1], "title": [name], "members": [None]})
    titles = TitleIndex(nameless.assign(title_english=None, title_japanese=None))
    assert titles.search("naruto") == []
    assert titles.meant("naruto") is None
    with pytest.raises(UnknownTitle):
        titles.resolve("naruto")


def test_what_is_certainly_meant(titles: TitleIndex) -> None:
    assert titles.meant("gintama").anime_id == 10
    assert titles.meant("GINTAMA'").anime_id == 11
    assert titles.meant("gint") is None
    assert titles.meant("Gintamma").anime_id == 10
    assert titles.meant("Gintamma").how == SIMILAR
    assert titles.meant("Gintamma", similar=False) is None
    assert titles.meant("Gin") is None
    assert titles.is_name_of("attack on titan", 1)
    assert not titles.is_name_of("attack on titan", 2)


def test_a_catalogue_of_one() -> None:
    one = pd.DataFrame([ROWS[0]], columns=["anime_id", "title", "title_english", "title_japanese",
                                           "members"])  # fmt: skip
    assert TitleIndex(one).search("atack on titan") == [1]


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("Fate/stay  night", "fate stay night"),
        ("Pokémon!", "pokemon"),
        ("ＡＩＲ", "air"),
        ("が", "が"),
        ("☆", "☆"),
        ("!!", "!!"),
    ],
)
def test_normalized(name: str, compared: str) -> None:
    assert normalized(name) == compared
