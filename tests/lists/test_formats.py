"""Every format says the same thing, and what cannot be read is told and never favourable."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from list_files import DATA_EXPORT, FILES, PLAIN, TAIGA

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.lists import read_list
from anirec.profiles import Profile


def said(profile: Profile) -> dict[int, tuple]:
    return {a: (entry.rating, entry.status) for a, entry in profile.items()}


SAME = {1: (9, "completed"), 5: (None, "plan_to_watch"), 6: (2, "dropped")}


@pytest.mark.parametrize("format", FILES)
def test_every_format_is_recognised_and_read_alike(format: str, catalogue: Catalogue) -> None:
    imported = read_list(FILES[format], catalogue)
    assert imported.format == format
    assert said(imported.profile) == SAME
    assert imported.profile.unresolved == ()
    assert imported.used_columns


@pytest.mark.parametrize("format", FILES)
def test_packed_files_say_the_same(format: str, catalogue: Catalogue) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("list", FILES[format])
    for content in (gzip.compress(FILES[format]), archive.getvalue()):
        assert said(read_list(content, catalogue).profile) == SAME


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_of_a_table(encoding: str, catalogue: Catalogue) -> None:
    text = "Title;My Score;Status\r\nCowboy Bebop;9;Completed\r\nPokémon;8;Completed\r\n"
    imported = read_list(text.encode(encoding), catalogue)
    assert said(imported.profile) == {1: (9, "completed")}
    assert imported.profile.unresolved[0].title == "Pokémon"


def test_taiga_s_ids_are_those_of_the_site_it_was_set_up_for(catalogue: Catalogue) -> None:
    """26 episodes watched of anime 1, which has 26 here: the numbering is MyAnimeList's."""
    imported = read_list(TAIGA, catalogue)
    assert imported.format == "Taiga"
    assert imported.profile[1].status == "completed"
    elsewhere = read_list(TAIGA.replace(b"26</progress>", b"12</progress>"), catalogue)
    assert elsewhere.profile.entries == {}
    assert len(elsewhere.profile.unresolved) == 3


def test_anilists_own_export_is_kept_as_unknown(catalogue: Catalogue) -> None:
    imported = read_list(DATA_EXPORT, catalogue)
    assert imported.profile.entries == {}
    (missing,) = imported.profile.unresolved
    assert (missing.mal_id, missing.other_id) == (None, "AniList 1")
    assert missing.entry.rating == 9
    assert any("import by your AniList user name" in problem for problem in imported.problems)


def test_plain_text_a_title_a_line(catalogue: Catalogue) -> None:
    imported = read_list(PLAIN, catalogue)
    assert said(imported.profile) == {1: (9, None), 5: (None, None), 6: (2, None)}
    assert all(entry.watched and entry.finished for entry in imported.profile.values())


@pytest.mark.parametrize(
    ("status", "means", "watched", "finished"),
    [
        ("Planning", "plan_to_watch", False, False),
        ("Plan to Read", "plan_to_watch", False, False),
        ("Want to Watch", "plan_to_watch", False, False),
        ("PTW", "plan_to_watch", False, False),
        ("CURRENT", "watching", True, False),
        ("REPEATING", "watching", True, True),
        ("PAUSED", "on_hold", True, False),
        ("Stalled", "on_hold", True, False),
        ("Watched", "completed", True, True),
        ("Won't Watch", "wont_watch", False, False),
        ("", "unknown", False, False),
        ("??", "unknown", False, False),
    ],
)
def test_one_table_of_statuses(
    status: str, means: str, watched: bool, finished: bool, catalogue: Catalogue
) -> None:
    table = f"title,status\nCowboy Bebop,{status}\nNaruto,Completed\n"
    entry = read_list(table.encode(), catalogue).profile[1]
    assert (entry.status, entry.watched, entry.finished) == (means, watched, finished)


@pytest.mark.parametrize(
    ("scores", "scale", "ratings"),
    [
        (("5", "4.5", "0.5"), "5 stars", (10, 9, 1)),
        (("92", "75", "8"), "100", (9.2, 7.5, 1)),
        (("5", "4", "3"), "10", (5, 4, 3)),
        (("7/10", "4/5", "90/100"), "10", (7, 8, 9)),
        (("8,5", "7,0", "10"), "10", (8.5, 7, 10)),
        (("★★★★", "★★★★★", "★"), "5 stars", (8, 10, 2)),
        (("🙂", "😐", "🙁"), "3 smileys", (8.5, 6, 3.5)),
        (("-1", "0", ""), "10", (None, None, None)),
    ],
)
def test_the_scale_is_decided_once_and_said(
    scores: tuple, scale: str, ratings: tuple, catalogue: Catalogue
) -> None:
    titles = ("Cowboy Bebop", "Naruto", "Monster")
    rows = "".join(f"{title};{score}\n" for title, score in zip(titles, scores, strict=True))
    imported = read_list(f"title;my rating\n{rows}".encode(), catalogue)
    assert imported.scale == scale
    assert tuple(entry.rating for entry in imported.profile.values()) == ratings
    if scale != "10":
        assert f"scale of {scale}" in imported.text


def test_the_scale_can_be_overruled(catalogue: Catalogue) -> None:
    content = b"title,rating\nCowboy Bebop,4\nNaruto,5\n"
    assert read_list(content, catalogue, scale="5 stars").profile[5].rating == 10
    with pytest.raises(InputError, match="unknown scale 'ten': choose one of 10, 100"):
        read_list(content, catalogue, scale="ten")


def test_own_columns_beat_the_communitys(catalogue: Catalogue) -> None:
    content = b"title,score,my_score,status,my_status\nNaruto,8.0,3,Finished Airing,2\n"
    imported = read_list(content, catalogue)
    assert said(imported.profile) == {5: (3, "completed")}
    assert set(imported.ignored_columns) == {"score", "status"}


def test_files_that_are_nobodys_list(catalogue: Catalogue) -> None:
    saved = "rank,anime_id,title,score,members,match,because\n1,5,Naruto,8.1,100,0.4,x\n"
    with pytest.raises(InputError, match="recommendations"):
        read_list(saved.encode(), catalogue)


def test_every_entry_is_read_or_left_out(catalogue: Catalogue) -> None:
    broken = FILES["MyAnimeList (XML)"].replace(b"<series_title><![CDATA[Naruto]]>", b"<series")
    imported = read_list(broken, catalogue)
    assert 1 in imported.profile
    assert len(imported.entries) + len(imported.left_out) == 3


def test_the_cases(cases: Path, ingested: dict[str, Catalogue]) -> None:
    """Lists as people have them mean what ``expected.json`` says."""
    expected = json.loads((cases / "lists" / "expected.json").read_text(encoding="utf-8"))
    wrong = []
    for name, wanted in expected.items():
        content = (cases / "lists" / name).read_bytes()
        try:
            told = read_list(content, ingested[wanted.get("catalogue", "mal-2023")]).record()
        except InputError as error:
            if wanted.get("refused", "read") not in str(error):
                wrong.append((name, str(error)))
            continue
        seen = [[e["anime_id"], e["status"], e["rating"], e["watched"]] for e in told["entries"]]
        if "refused" in wanted or not all(
            got[:2] == want[:2] and got[3] == want[3] and _close(got[2], want[2])
            for got, want in zip(seen, wanted["entries"], strict=True)
        ):
            wrong.append((name, seen))
    assert wrong == []


def _close(rating: float | None, wanted: float | None) -> bool:
    if rating is None or wanted is None:
        return rating is wanted
    return abs(max(rating, 1) - max(wanted, 1)) < 0.01
