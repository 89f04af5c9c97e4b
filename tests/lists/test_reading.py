"""What is understood of a file: matching, problems that are told, refusals, and writing again."""

from __future__ import annotations

import csv
import gzip
import os
import random
import tracemalloc

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from list_files import DATA_EXPORT, FILES, PLAIN, TAIGA, export

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.lists import (
    MAX_TEXT,
    MAX_UPLOAD,
    anime_named,
    entry_of,
    found_again,
    frame_csv,
    read_list,
    to_csv,
    to_xml,
)
from anirec.profiles import UNKNOWN_STATUS, WONT_WATCH, Entry, Profile, Unresolved
from anirec.profiles.profile import MAX_ENTRIES

EXTRA = (("series_type", "TV"),)


def test_statuses_and_scores_of_an_export(catalogue: Catalogue) -> None:
    content = export(
        (1, "Cowboy Bebop", 9, "Completed"),
        (20, "Naruto", 0, "Dropped"),
        (16498, "Shingeki no Kyojin", 0, "Plan to Watch"),
        (19, "Monster", 4, "On-Hold"),
        (9253, "Steins;Gate", 10, "1"),
        (4000, "Not In Here", 7, "Completed"),
    )
    for upload in (content, gzip.compress(content)):
        imported = read_list(upload, catalogue)
        said = {"episodes_watched": 3, "extra": EXTRA}
        assert imported.profile.entries == {
            1: Entry(9, "completed", **said),
            5: Entry(None, "dropped", **said),
            6: Entry(None, "plan_to_watch", **said),
            8: Entry(4, "on_hold", **said),
            9: Entry(10, "watching", **said),
        }
        missing = (Unresolved("Not In Here", Entry(7, "completed", **said), 4000),)
        assert imported.profile.unresolved == missing
        assert imported.problems == ["entry 6: 'Not In Here' is not in this catalogue; kept"]
        assert imported.text == (
            "MyAnimeList (XML): 6 entries read: 5 found (1 completed, 1 dropped, "
            "1 plan to watch, 1 on hold, 1 watching), 1 not in this catalogue."
        )


def test_an_id_outranks_a_title(catalogue: Catalogue) -> None:
    content = export(
        (1, "Naruto", 9, "Completed"),  # MyAnimeList's id 1, whatever it is called
        (77, "attack on titan", 8, "Completed"),  # an id that the catalogue lacks
        (19, "Monster (renamed since)", 7, "Completed"),
    )
    imported = read_list(content, catalogue)
    assert list(imported.profile) == [1, 8]
    assert [missing.mal_id for missing in imported.profile.unresolved] == [77]


def test_csv(catalogue: Catalogue) -> None:
    content = (
        "title,rating\n"
        "Cowboy Bebop,9\n"
        "進撃の巨人,8.5\n"
        "Naruto,\n"
        "Monstre,7/10\n"
        '"No, Such Title",6\n'
        "Steins;Gate,eleven\n"
        "\n"
        "naruto,3\n"
        ",5\n"
    ).encode()
    imported = read_list(content, catalogue)
    ratings = {anime_id: entry.rating for anime_id, entry in imported.profile.items()}
    assert ratings == {1: 9, 6: 8.5, 5: 3, 8: 7, 9: None}
    assert [missing.title for missing in imported.profile.unresolved] == ["No, Such Title"]
    assert imported.problems == [
        "line 10: left out, no title",
        "line 4: line 9 is about the same anime: the two are one",
        "line 5: 'Monstre' is taken for 'Monster'",
        "line 6: 'No, Such Title' is not in this catalogue; kept",
        "line 7: 'eleven' is no score; left out",
    ]


@pytest.mark.parametrize(
    "content",
    [
        "Title;Score\r\nNaruto;8\r\n".encode("utf-8-sig"),
        b"title\trating\nNaruto\t8\n",
        b"sep=;\ntitle;rating\nNaruto;8\n",
        "title,rating\nNaruto,8\n".encode("utf-16"),
        b"my_score,series_title\n8,Naruto",
        b"title,rating\nNarutoo,8\n",
        b"title,rating,anime_id\n,8,20\n",
        b"rating,mal_id\n8,20.0\n",
    ],
)
def test_csv_of_many_kinds(catalogue: Catalogue, content: bytes) -> None:
    assert read_list(content, catalogue).profile.entries == {5: Entry(8)}


def test_similar_titles_are_told(catalogue: Catalogue) -> None:
    imported = read_list(b"title,rating\nCowboy Bepop,8\n", catalogue)
    assert imported.profile.entries == {1: Entry(8)}
    assert imported.problems == ["line 2: 'Cowboy Bepop' is taken for 'Cowboy Bebop'"]
    assert imported.entries[0].matched_by == "similar"


@pytest.mark.parametrize("text", ["Shingeki no Kyojin S2", "attack on titan 2", "AoT Season 2"])
def test_a_later_season_is_never_taken_for_the_first(catalogue: Catalogue, text: str) -> None:
    content = f"title,rating\nAttack on Titan,10\n{text},3\n".encode()
    assert read_list(content, catalogue).profile.entries == {6: Entry(10), 10: Entry(3)}


@pytest.mark.parametrize("text", ["Naruto Season 2", "Steins;Gate 0", "Monster Strike", "Mon"])
def test_what_the_catalogue_lacks_is_not_taken_for_its_like(
    catalogue: Catalogue, text: str
) -> None:
    imported = read_list(f"title,rating\n{text},9\nNaruto,8\n".encode(), catalogue)
    assert [missing.title for missing in imported.profile.unresolved] == [text]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("cowboy bebop", (1, Entry())),
        ("Cowboy Bebop:9", (1, Entry(9))),
        ("Cowboy Bebop : 10", (1, Entry(10))),
        ("Cowboy Bebop:2.5", (1, Entry(2.5))),
        ("Cowboy Bebop:9/10", (1, Entry(9))),
        ("Cowboy Bebop:4/5", (1, Entry(8))),
        ("Cowboy Bebop：9", (1, Entry(9))),
        ("Cowboy Bebop:👎", (1, Entry(liked=False))),
        ("Steins;Gate:7", (9, Entry(7))),
    ],
)
def test_a_title_and_score_as_typed(catalogue: Catalogue, text: str, meant: tuple) -> None:
    assert entry_of(text, catalogue) == (*meant, "")


@pytest.mark.parametrize("score", ["-1", "11", "0", "12/10"])
def test_scores_as_typed_that_are_refused(catalogue: Catalogue, score: str) -> None:
    with pytest.raises(InputError, match=f"the rating in 'Naruto:{score}'"):
        entry_of(f"Naruto:{score}", catalogue)


def test_what_was_taken_for_another_name_is_said(catalogue: Catalogue) -> None:
    assert anime_named("snk", catalogue) == (6, "'snk' is taken for 'Shingeki no Kyojin'")
    assert anime_named("Cowboy Bepop", catalogue)[1] == "'Cowboy Bepop' is taken for 'Cowboy Bebop'"


BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol1 "&lol;&lol;&lol;&lol;">]><myanimelist><anime>&lol1;</anime></myanimelist>"""
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<myanimelist><anime><series_title>&e;</series_title></anime></myanimelist>"""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"title,rating\n", "the list is empty"),
        (b"title,rating\n,\n,7", "the list is empty of anime that can be read: 1 left out"),
        (b"<html><body>Log in</body></html>", "the file is a web page"),
        (b"<myanimelist><anime>", "the list is empty of anime that can be read"),
        (b"<myanimelist><manga></manga></myanimelist>", "a manga list: choose the anime list"),
        (BILLION_LAUGHS, "declares entities"),
        (EXTERNAL, "declares entities"),
        (b"<a>" * 100_000, "no MyAnimeList export"),
        (b"<?xml version='1.0' encoding='klingon'?><myanimelist/>", "the list is empty"),
        (b"\x1f\x8b\x08garbage", "the .gz file is"),
        (gzip.compress(export((1, "Cowboy Bebop", 9, "Completed")))[:-20], "cut off"),
        (gzip.compress(b" " * (MAX_TEXT + 1)), "holds more than 48 MB"),
        (gzip.compress(b" " * (MAX_TEXT // 2)) * 3, "holds more than 48 MB"),
        (b"title\n" + b"x" * MAX_UPLOAD, "larger than 48 MB"),
        (b"title\n" + b"a\n" * (MAX_ENTRIES + 1), "more than 20,000 entries"),
        (b"title,rating\nNaruto,999\nMonster,800\n", "not on any scale known"),
    ],
)
def test_uploads_that_are_refused(catalogue: Catalogue, content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_list(content, catalogue)


def test_a_gzip_bomb_is_stopped_early(catalogue: Catalogue) -> None:
    bomb = gzip.compress(b"<" * 2**27)
    tracemalloc.start()
    with pytest.raises(InputError, match="holds more than 48 MB"):
        read_list(bomb, catalogue)
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_TEXT
    tracemalloc.stop()


def test_long_lists_of_problems_are_cut(catalogue: Catalogue) -> None:
    content = "title\n" + "".join(f"Unheard of {i} {'zq' * i}\n" for i in range(30))
    imported = read_list(content.encode(), catalogue)
    assert len(imported.problems) == 21
    assert imported.problems[-1] == "and 10 more"


MIXED = Profile(
    {
        1: Entry(9, "completed"),
        5: Entry(None, "dropped"),
        7: Entry(3, "on_hold", False),
        8: Entry(None, "plan_to_watch", True),
        9: Entry(8, WONT_WATCH),
        6: Entry(None, UNKNOWN_STATUS),
    },
    (Unresolved('=Title, with "quotes" & <tags>', Entry(7, "completed"), 4000),),
)


def test_csv_export_reads_back_as_it_was(catalogue: Catalogue) -> None:
    profile = Profile({**MIXED.entries, 9: Entry(8.5)}, MIXED.unresolved)
    assert read_list(to_csv(profile, catalogue).encode(), catalogue).profile == profile


@pytest.mark.parametrize("text", ["=1+1", "+49", "-x", "@SUM(A1)", "'quoted'"])
def test_no_exported_cell_is_a_formula(catalogue: Catalogue, text: str) -> None:
    profile = Profile({1: Entry(9, comments=text, tags=text)}, (Unresolved(text, Entry(7)),))
    written = to_csv(profile, catalogue)
    cells = [cell for row in csv.reader(written.splitlines()) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert read_list(written.encode(), catalogue).profile == profile
    saved = frame_csv(pd.DataFrame({"title": [text], "score": [-1.5]}))
    assert saved.splitlines()[1].startswith(("'", "\"'")) and saved.endswith(",-1.5\n")


def test_xml_export_says_what_it_was_told(catalogue: Catalogue) -> None:
    text = to_xml(MIXED, catalogue)
    assert '<series_title>Tom &amp; "Jerry" &lt;b&gt;</series_title>' in text
    back = read_list(text.encode(), catalogue).profile
    assert back == MIXED
    assert "<series_animedb_id>7<" not in text  # its id in MyAnimeList's numbering is not known
    assert text.count(">Completed<") == 2


def test_not_for_me_is_not_exported_as_completed(catalogue: Catalogue) -> None:
    text = to_xml(Profile({1: Entry(liked=False)}), catalogue)
    assert "<my_status></my_status>" in text
    assert read_list(text.encode(), catalogue).profile[1].liked is False


WORDS = st.text(
    st.characters(blacklist_categories=["Cc", "Cs", "Cn", "Co"], blacklist_characters=",\u2028"),
    max_size=20,
).map(lambda text: " ".join(text.split()))
DAYS = st.one_of(st.just(""), st.dates().map(lambda day: f"{day:%Y-%m-%d}".zfill(10)))


@st.composite
def stated(draw: st.DrawFn) -> Entry:
    return Entry(
        rating=draw(st.one_of(st.none(), st.integers(1, 10).map(float))),
        status=draw(st.sampled_from(["completed", "watching", "dropped", "plan_to_watch"])),
        episodes_watched=draw(st.one_of(st.none(), st.integers(0, 1000))),
        times_watched=draw(st.one_of(st.none(), st.integers(0, 50))),
        rewatching=draw(st.booleans()),
        started_on=draw(DAYS),
        finished_on=draw(DAYS),
        comments=draw(WORDS),
        tags=draw(WORDS),
        extra=draw(st.sampled_from([(), EXTRA, (("my_priority", "HIGH"), ("my_storage", "x"))])),
    )


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from([1, 5, 6, 8, 9]), stated(), min_size=1))
def test_whatever_was_imported_survives_the_round_trip(
    catalogue: Catalogue, entries: dict[int, Entry]
) -> None:
    profile = Profile(entries)
    assert read_list(to_xml(profile, catalogue).encode(), catalogue).profile == profile


def test_what_a_smaller_catalogue_lacks_is_still_exported(catalogue: Catalogue) -> None:
    profile = Profile({1: Entry(9), 123: Entry(5)})
    back = read_list(to_csv(profile, catalogue).encode(), catalogue).profile
    assert back.entries == {1: Entry(9)}
    assert back.unresolved == (Unresolved("anime 123", Entry(5)),)


def test_what_was_unknown_is_found_again_by_id_or_by_its_very_name(catalogue: Catalogue) -> None:
    lacking = Profile(
        {1: Entry(9, status="completed")},
        (
            Unresolved("whatever it is called", Entry(8), mal_id=20),
            Unresolved("attack on titan", Entry(status="plan_to_watch")),
            Unresolved("Cowboy Bebop", Entry(5, status="dropped")),
            Unresolved("Monstre", Entry(7)),  # likeness is not enough where nobody is asked
            Unresolved("Monster", Entry(6), mal_id=999_999),
        ),
    )
    again = found_again(lacking, catalogue)
    assert again.entries == {
        1: Entry(9, status="completed"),
        5: Entry(8),
        6: Entry(status="plan_to_watch"),
    }
    assert again.unresolved == lacking.unresolved[3:]
    assert found_again(again, catalogue) is again


# --- files with faults

VALID = [*FILES.values(), TAIGA, DATA_EXPORT, PLAIN]
LESS_FAVOURABLE = {"plan_to_watch", WONT_WATCH, UNKNOWN_STATUS}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good file with pieces cut out, doubled, flipped or put in."""
    content = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = draw(st.integers(start, min(len(content), start + 60)))
        piece = draw(st.one_of(st.binary(max_size=20), st.just(bytes(content[start:stop]) * 2)))
        content[start:stop] = piece
    return bytes(content)


@settings(
    max_examples=400,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(mutated())
def test_faults_are_read_or_refused_in_one_line(catalogue: Catalogue, content: bytes) -> None:
    try:
        imported = read_list(content, catalogue)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert len(imported.profile) + len(imported.profile.unresolved) == len(imported.entries)
    for one in imported.entries:
        assert one.entry.rating is None or 1 <= one.entry.rating <= 10


@pytest.mark.parametrize("format", FILES)
def test_a_planned_title_never_becomes_a_liked_one(format: str, catalogue: Catalogue) -> None:
    """Whatever single byte is lost of a planned entry without score, it is no praise."""
    content = FILES[format]
    place = content.index(b"Naruto")
    for at in range(max(0, place - 40), min(len(content), place + 120), 3):
        try:
            imported = read_list(content[:at] + content[at + 1 :], catalogue)
        except InputError:
            continue
        entry = imported.profile.get(5)
        if entry is not None:
            assert entry.status in LESS_FAVOURABLE or entry.rating is None
            assert entry.liked is not True


JUNK = (b"\0", b"&", b"<", b'"', b"\xff\xfe", b"\x0b", b"&nbsp;", b"??", b"\xe9", b"{", b"}")
MUTATIONS = 60
"""Of each format here; the environment variable ANIREC_MUTATIONS says how many instead."""


@pytest.mark.parametrize("format", FILES)
def test_damage_never_makes_an_entry_more_favourable(format: str, catalogue: Catalogue) -> None:
    """A byte lost, some put in, or the end cut off: nothing planned is watched, nothing is finished
    that was not, no other anime appears, and nothing is counted twice."""
    chance = random.Random(format)
    content = FILES[format]
    sound = read_list(content, catalogue)
    n_entries = len(sound.entries) + len(sound.left_out)
    for _ in range(int(os.environ.get("ANIREC_MUTATIONS", MUTATIONS))):
        place = chance.randrange(len(content))
        damaged = chance.choice(
            [
                content[:place] + chance.choice(JUNK) + content[place:],
                content[:place] + content[place + 1 :],
                content[: max(place, len(content) // 3)],
            ]
        )
        try:
            imported = read_list(damaged, catalogue)
        except InputError as error:
            assert "\n" not in str(error)
            continue
        assert set(imported.profile) <= set(sound.profile), damaged
        assert len(imported.entries) + len(imported.left_out) <= n_entries + 1, damaged
        for anime_id, entry in imported.profile.items():
            before = sound.profile[anime_id]
            spent = bool(entry.episodes_watched)  # said too, and speaks where a status is lost
            assert before.watched or not entry.watched or spent, damaged
            assert before.finished or not entry.finished, damaged
            assert entry.liked is before.liked, damaged


def test_a_table_whose_status_column_lost_its_name(catalogue: Catalogue) -> None:
    content = b"Title,Score,St?te of it\nNaruto,,Plan to Watch\nCowboy Bebop,9,Completed\n"
    profile = read_list(content, catalogue).profile
    assert (profile[5].status, profile[5].watched) == ("plan_to_watch", False)
    scores = b"Title,Rating\nNaruto,-1\nCowboy Bebop,1.0\nMonster,2.0\n"
    entry = read_list(scores, catalogue).profile[5]  # numbers are no statuses in words
    assert (entry.status, entry.rating) == (None, None)
    shifted = b"Title,Status\nNaruto,2,Plan to Watch\nCowboy Bebop,9,Completed\n"
    profile = read_list(shifted, catalogue).profile
    assert (profile[5].status, profile[5].rating) == ("plan_to_watch", None)


def test_a_broken_entry_costs_itself_alone(catalogue: Catalogue) -> None:
    broken = FILES["AniList (API)"].replace(b'"idMal": 20', b'"idMal: 20')
    imported = read_list(broken, catalogue)
    assert set(imported.profile) == {1, 6}
    assert [one.why for one in imported.left_out] == ["it is broken: it cannot be read"]


def test_episodes_short_of_the_end_are_not_the_end(catalogue: Catalogue) -> None:
    profile = read_list(b"title,progress\nCowboy Bebop,3\nNaruto,220 / 220\n", catalogue).profile
    assert (profile[1].watched, profile[1].finished) == (True, False)
    assert profile[5].finished


@pytest.mark.parametrize("packed", [False, True])
def test_twenty_thousand_entries_of_an_export_fit(catalogue: Catalogue, packed: bool) -> None:
    field = "<my_storage_value>0.00</my_storage_value>" * 32  # as long as a real entry
    entry = "<anime><series_animedb_id>{}</series_animedb_id><my_status>Completed</my_status>{}"
    body = "".join(entry.format(10**6 + n, field) + "</anime>" for n in range(MAX_ENTRIES))
    content = f"<myanimelist>{body}</myanimelist>".encode()
    assert len(content) > 25 * 2**20
    content = gzip.compress(content, 1) if packed else content
    assert len(read_list(content, catalogue).entries) == MAX_ENTRIES
