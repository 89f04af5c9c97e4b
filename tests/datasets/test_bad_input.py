"""Damaged raw files: what is kept, what is mended, what is rejected, and where it says so."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from collections import Counter

import pandas as pd
import pytest

from anirec.config import InputError
from anirec.datasets.account import REPEATED
from anirec.datasets.entries import TWICE

GOOD_2016 = [(1, 1, 8), (1, 2, None), (2, 1, 7), (2, 3, 10), (3, 1, None), (3, 2, 1)]
GOOD_2023 = [(1, 1, 9), (1, 5, 8), (1, 6, 8), (3, 1, 10), (4, 5, 6), (4, 6, 7)]
ANIME, USERS, SCORES = "anime-dataset-2023.csv", "users-details-2023.csv", "users-score-2023.csv"


def places(rejects: list[dict]) -> list[tuple]:
    return [(r["file"], int(r["line"]), int(r["record"]), r["reason"]) for r in rejects]


# --- records ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("3,3", "cut off at the end of the file"),
        ("3", "cut off at the end of the file"),
        ("3,3,", "rating: missing"),
        ('3,"3', "cut off at the end of the file"),
    ],
)
def test_cut_off_last_line_of_ratings(small, tail: str, reason: str) -> None:
    data = small("mal-2016")
    data["rating.csv"] = data["rating.csv"] + tail.encode()
    report = data.report("rating.csv")
    assert (report.read, report.kept, report.rejected) == (7, 6, {reason: 1})
    assert data.ratings() == GOOD_2016
    assert places(data.rejects()) == [("rating.csv", 8, 8, reason)]


def test_last_line_without_line_end_is_kept(small) -> None:
    data = small("mal-2016")
    data["rating.csv"] = data["rating.csv"].removesuffix(b"\n")
    report = data.report("rating.csv")
    assert (report.read, report.kept, report.rejected) == (6, 6, {})


def test_catalogue_cut_off_inside_a_quoted_field(small) -> None:
    data = small("mal-2023")
    whole = data[ANIME]
    data[ANIME] = whole[: whole.index(b"One line.")].replace(
        b'"Action, Adventure",', b'"Action, Adventure","He went\nout'
    )
    report = data.report(ANIME)
    assert (report.read, report.kept) == (3, 2)
    (reject,) = data.rejects()
    assert (reject["line"], reject["record"]) == ("6", "4")
    assert reject["reason"] == "cut off at the end of the file"
    stretch = data[ANIME][int(reject["byte_offset"]) :]
    assert stretch.startswith(b"6,Trigun") and len(stretch) == int(reject["bytes"])
    assert reject["sha256"] == hashlib.sha256(stretch).hexdigest()
    assert reject["text"] == ""


def test_unclosed_quote_in_mid_file_costs_only_its_row_of_scores(small) -> None:
    data = small("mal-2023")
    data.edit(SCORES, ('1,Xinil,5,"Door, of Rain",8', '1,Xinil,5,"Door, of Rain,8'))
    report = data.report(SCORES)
    assert (report.read, report.kept) == (6, 5)
    assert report.rejected == {"unclosed quotation mark": 1}
    assert data.ratings() == [row for row in GOOD_2023 if row != (1, 5, 8)]
    (reject,) = data.rejects()
    assert (reject["line"], reject["record"], reject["text"]) == ("3", "3", "")
    start = int(reject["byte_offset"])
    stretch = data[SCORES][start : start + int(reject["bytes"])]
    assert stretch == b'1,Xinil,5,"Door, of Rain,8\n'
    assert reject["sha256"] == hashlib.sha256(stretch).hexdigest()


def test_two_unclosed_quotes_do_not_swallow_the_rows_between_them(small) -> None:
    data = small("mal-2016")
    data["rating.csv"] = 'user_id,anime_id,rating\n1,1,8\n1,"2,3\n2,1,7\n2,2,6\n3,1,"5\n4,1,9\n'
    report = data.report("rating.csv")
    assert (report.read, report.kept) == (6, 4)
    assert data.ratings() == [(1, 1, 8), (2, 1, 7), (2, 2, 6), (4, 1, 9)]
    assert [place[1:3] for place in places(data.rejects())] == [(3, 3), (6, 6)]


def test_quotes_that_pair_up_across_rows_do_not_swallow_them(small) -> None:
    data = small("mal-2023")
    data.edit(
        SCORES,
        ("1,Xinil,1,Night Rain,9", '1,Xinil,1,"Night Rain,9'),
        ("1,Xinil,6,Trigun Again,8", '1,Xinil,6,Trigun Again",8'),
    )
    report = data.report(SCORES)
    assert (report.read, report.kept) == (6, 5)
    assert data.ratings() == GOOD_2023[1:]


def test_unclosed_quote_in_a_catalogue_with_line_breaks(small) -> None:
    data = small("mal-2023")
    data.edit(ANIME, ('5,"Door, of Rain",UNK', '5,"Door, of Rain,UNK'))
    report = data.report(ANIME)
    assert (report.read, report.kept) == (3, 2)
    assert report.rejected == {"unclosed quotation mark": 1}
    assert places(data.rejects()) == [(ANIME, 5, 3, "unclosed quotation mark")]
    titles = data.table("anime").set_index("anime_id")["title"]
    assert titles.to_dict() == {1: "Night Rain", 5: "Door, of Rain", 6: "Trigun Again"}  # 5: scored


def test_unclosed_quote_in_user_details(small) -> None:
    data = small("mal-2023")
    data.edit(USERS, ('"Oslo, Norway"', '"Oslo, Norway'))
    assert data.report(USERS).rejected == {"unclosed quotation mark": 1}
    assert data.table("users")["user_id"].tolist() == [1, 4]


def test_text_after_a_closing_quote(small) -> None:
    data = small("mal-2023")
    data.edit(SCORES, ('1,Xinil,5,"Door, of Rain",8', '1,Xinil,5,"Door" of Rain,8'))
    assert data.report(SCORES).rejected == {"misplaced quotation mark": 1}


def test_quotes_inside_a_bare_field_are_kept(small) -> None:
    data = small("mal-2016")
    data.edit("anime.csv", ("1,Night Rain,", '1,Night "Rain",'))
    report = data.report("anime.csv")
    assert (report.read, report.kept, report.rejected) == (3, 3, {})
    assert data.table("anime")["title"][0] == 'Night "Rain"'


@pytest.mark.parametrize("line", ["2,3,10,5", "2,3", "2", "2;3;10"])
def test_wrong_number_of_fields_in_ratings(small, line: str) -> None:
    data = small("mal-2016")
    data.edit("rating.csv", ("2,3,10", line))
    report = data.report("rating.csv")
    assert (report.read, report.kept) == (6, 5)
    assert report.rejected == {"wrong number of fields": 1}
    (reject,) = data.rejects()
    start = data["rating.csv"].index(f"\n{line}\n".encode()) + 1
    assert (reject["line"], reject["byte_offset"]) == ("4", str(start))


def test_wrong_number_of_fields_in_a_catalogue(small) -> None:
    data = small("mal-2016")
    data.edit("anime.csv", ("TV,12,7.5,2000", "TV,12,7.5"))
    assert data.report("anime.csv").rejected == {"wrong number of fields": 1}
    assert data.table("anime")["title"].tolist() == ["Anime #1", "Gintama'", '"Bungaku" & Soul']


def test_blank_lines_in_ratings_are_counted(small) -> None:
    data = small("mal-2016")
    data.edit("rating.csv", ("2,3,10\n", "\n2,3,10\n  \n"))
    data["rating.csv"] = data["rating.csv"] + b"\n"
    report = data.report("rating.csv")
    assert (report.read, report.kept, report.rejected) == (9, 6, {"blank line": 3})
    assert [place[1] for place in places(data.rejects())] == [4, 6, 10]
    assert data.ratings() == GOOD_2016


def test_blank_line_in_a_catalogue_is_not_one_in_a_synopsis(small) -> None:
    data = small("mal-2023")
    data.edit(ANIME, ('\n5,"Door', '\n\n5,"Door'))
    report = data.report(ANIME)
    assert (report.read, report.kept, report.rejected) == (4, 3, {"blank line": 1})
    assert places(data.rejects()) == [(ANIME, 5, 3, "blank line")]
    assert data.table("anime")["synopsis"][0] == 'Crime is timeless, they say.\n\nThe "end".'


# --- headers ----------------------------------------------------------------------------------


def test_reordered_columns_of_ratings_are_read_by_name(small) -> None:
    data = small("mal-2016")
    frame = pd.read_csv(data.paths.raw / "rating.csv")
    frame[["rating", "user_id", "anime_id"]].to_csv(data.paths.raw / "rating.csv", index=False)
    assert data.report("rating.csv").kept == 6
    assert data.ratings() == GOOD_2016


def test_reordered_and_added_columns_of_a_catalogue(small) -> None:
    data = small("mal-2023")
    frame = pd.read_csv(data.paths.raw / ANIME)
    frame = frame[sorted(frame.columns)].assign(extra=1)
    frame.to_csv(data.paths.raw / ANIME, index=False)
    assert data.report(ANIME).kept == 3
    assert data.table("anime")["title"].tolist() == ["Night Rain", "Door, of Rain", "Trigun Again"]


@pytest.mark.parametrize(
    ("dataset", "file", "old", "new"),
    [
        ("mal-2016", "rating.csv", "rating\n", "score\n"),
        ("mal-2016", "anime.csv", "genre,", "genres,"),
        ("mal-2023", USERS, "Birthday", "birthday"),
        ("mal-2020", "animelist.csv", "watching_status", "status"),
    ],
)
def test_renamed_column_is_refused_by_name(small, dataset, file, old, new) -> None:
    data = small(dataset)
    data.edit(file, (old, new))
    with pytest.raises(InputError, match=rf"{file} lacks the column '{old.strip(chr(10) + ',')}'"):
        data.ingest()


def test_two_columns_of_one_name_are_refused(small) -> None:
    data = small("mal-2016")
    data["rating.csv"] = "user_id,anime_id,rating,rating\n1,1,5,6\n"
    with pytest.raises(InputError, match="two columns of one name"):
        data.ingest()


@pytest.mark.parametrize("file", ["rating.csv", "anime.csv"])
def test_header_alone_is_refused(small, file: str) -> None:
    data = small("mal-2016")
    data[file] = data[file].splitlines(keepends=True)[0]
    with pytest.raises(InputError, match=f"{file} holds a header and no rows"):
        data.ingest()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"])
def test_empty_file_is_refused(small, content: bytes) -> None:
    data = small("mal-2016")
    data["rating.csv"] = content
    with pytest.raises(InputError, match=r"rating.csv is empty"):
        data.ingest()


def test_something_that_is_no_text_is_refused_without_showing_it(small) -> None:
    data = small("mal-2016")
    data["anime.csv"] = bytes(range(256)) * 20
    with pytest.raises(InputError, match="does not look like text") as refused:
        data.ingest()
    assert str(refused.value).isprintable()


# --- encodings and line ends ------------------------------------------------------------------


def test_utf_8_with_byte_order_mark(small) -> None:
    data = small("mal-2016")
    for file in ("anime.csv", "rating.csv"):
        data[file] = b"\xef\xbb\xbf" + data[file]
    report = data.ingest()
    assert [f.kept for f in report.files.values()] == [3, 6]
    assert all(not f.rejected and not f.repaired for f in report.files.values())
    assert report.files["rating.csv"].sha256 == hashlib.sha256(data["rating.csv"]).hexdigest()
    assert data.ratings() == GOOD_2016


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16(small, encoding: str) -> None:
    data = small("mal-2023")
    for file in (ANIME, USERS, SCORES):
        data[file] = data[file].decode().encode(encoding)
    report = data.ingest()
    assert [f.kept for f in report.files.values()] == [3, 3, 6]
    assert data.table("anime")["title_japanese"][0] == "夜の雨"
    assert data.ratings() == GOOD_2023
    assert report.files[SCORES].sha256 == hashlib.sha256(data[SCORES]).hexdigest()


def test_nul_bytes_inside_rows_are_removed_and_counted(small) -> None:
    data = small("mal-2023")
    data.edit(SCORES, ("1,Xinil,1,Night Rain,9", "1,Xi\0nil,1,Ni\0ght Rain,9"))
    data.edit(ANIME, ("6,Trigun Again", "6,Tri\0gun Again"))
    report = data.ingest()
    for file in (SCORES, ANIME):
        assert report.files[file].repaired == {"NUL bytes removed": 1}
        assert not report.files[file].rejected
    assert data.ratings() == GOOD_2023
    assert data.table("anime")["title"][2] == "Trigun Again"


def test_line_of_nul_bytes_is_rejected(small) -> None:
    data = small("mal-2016")
    data.edit("rating.csv", ("2,3,10\n", "\0\0\0\0\n2,3,10\n"))
    report = data.report("rating.csv")
    assert (report.read, report.kept, report.rejected) == (7, 6, {"NUL bytes only": 1})


@pytest.mark.parametrize("dataset", ["mal-2016", "mal-2023"])
def test_crlf_gives_the_same_tables(small, dataset: str) -> None:
    data = small(dataset)
    data.ingest()
    before = {name: data.table(name) for name in ("anime", "users", "ratings")}
    for file in data.paths.raw.glob("*.csv"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    report = data.ingest()
    assert all(not f.rejected and not f.repaired for f in report.files.values())
    for name, table in before.items():
        pd.testing.assert_frame_equal(data.table(name), table)


@pytest.mark.parametrize("ends", [("\n", "\r\n"), ("\n", "\r"), ("\r\n", "\r"), ("\r", "\r")])
def test_mixed_line_ends(small, ends: tuple[str, str]) -> None:
    data = small("mal-2016")
    for file in ("rating.csv", "anime.csv"):
        lines = data[file].decode().splitlines()
        data[file] = "".join(line + ends[i % 2] for i, line in enumerate(lines))
    report = data.ingest()
    assert [(f.read, f.kept) for f in report.files.values()] == [(3, 3), (6, 6)]
    assert data.ratings() == GOOD_2016


def test_bytes_that_are_not_utf_8_are_read_as_windows_1252(small) -> None:
    data = small("mal-2016")
    data["anime.csv"] = data["anime.csv"].replace(b"Night Rain", b"Pok\xe9 \x96 Night")
    report = data.report("anime.csv")
    assert report.repaired == {"not UTF-8, read as Windows-1252": 1}
    assert (report.kept, report.rejected) == (3, {})
    assert data.table("anime")["title"][0] == "Poké – Night"


def test_bad_encoding_in_an_unused_column_of_scores(small) -> None:
    data = small("mal-2023")
    data[SCORES] = data[SCORES].replace(b"3,Aokaado", b"3,Aok\xe4do")
    report = data.report(SCORES)
    assert (report.read, report.kept) == (6, 6)
    assert report.repaired == {"not UTF-8, read as Windows-1252": 1}
    assert data.ratings() == GOOD_2023


# --- archives ---------------------------------------------------------------------------------


def packed(data, file: str) -> bytes:
    content = gzip.compress(data[file], mtime=0)
    (data.paths.raw / file).unlink()
    return content


def test_gz_and_zip_are_read_as_they_are(small) -> None:
    data = small("mal-2023")
    data[f"{SCORES}.gz"] = packed(data, SCORES)
    with zipfile.ZipFile(data.paths.raw / "archive.zip", "w") as archive:
        for file in (ANIME, USERS):
            archive.write(data.paths.raw / file, f"deep/{file}")
            (data.paths.raw / file).unlink()
    report = data.ingest()
    assert [f.kept for f in report.files.values()] == [3, 3, 6]
    assert data.ratings() == GOOD_2023
    assert report.files[SCORES].sha256 == hashlib.sha256(data[f"{SCORES}.gz"]).hexdigest()


def test_truncated_gz_of_ratings_keeps_what_is_there(small) -> None:
    data = small("mal-2016")
    rows = [f"{user},{anime},{1 + anime % 10}" for user in range(1, 200) for anime in (1, 2, 3)]
    data["rating.csv"] = "user_id,anime_id,rating\n" + "\n".join(rows) + "\n"
    content = packed(data, "rating.csv")
    data["rating.csv.gz"] = content[: len(content) // 2]
    report = data.ingest()
    file = report.files["rating.csv"]
    assert file.truncated and 100 < file.kept < len(rows)
    assert file.read - file.kept <= 1
    kept = [",".join(map(str, row)) for row in data.ratings()]
    assert kept == rows[: file.kept] or sorted(kept) == sorted(rows[: file.kept])
    assert "the packed file is cut off" in report.summary()


def test_truncated_gz_of_a_catalogue(small) -> None:
    data = small("mal-2016")
    lines = data["anime.csv"].decode() + "".join(
        f"{i},Name {i},,TV,1,5,{i}\n" for i in range(9, 999)
    )
    data["anime.csv"] = lines
    content = packed(data, "anime.csv")
    data["anime.csv.gz"] = content[:-200]
    report = data.ingest().files["anime.csv"]
    assert report.truncated
    assert 0 < report.kept < 993
    assert report.kept + report.rejected.total() == report.read


@pytest.mark.parametrize("name", ["archive.zip", "anime.csv.gz"])
def test_archive_that_is_none_is_refused(small, name: str) -> None:
    data = small("mal-2016")
    (data.paths.raw / "anime.csv").unlink()
    data[name] = b"<html>please log in</html>" * 20
    with pytest.raises(InputError, match=name):
        data.ingest()


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rating", "reason"),
    [
        ("11", "rating: outside 1 to 10"),
        ("-2", "rating: outside 1 to 10"),
        ("1000", "rating: outside 1 to 10"),
        ("8.5", "rating: not a whole number"),
        ("good", "rating: not a number"),
        ("1e400", "rating: not a number"),
    ],
)
def test_bad_rating_rejects_the_row_and_masks_the_name(small, rating: str, reason: str) -> None:
    data = small("mal-2023")
    data.edit(SCORES, ("3,Aokaado,1,Night Rain,10", f"3,Aokaado,1,Night Rain,{rating}"))
    report = data.report(SCORES)
    assert (report.read, report.kept, report.rejected) == (6, 5, {reason: 1})
    (reject,) = data.rejects()
    assert (reject["line"], reject["record"]) == ("5", "5")
    assert reject["text"] == f"3,***,1,Night Rain,{rating}"
    assert (reject["byte_offset"], reject["sha256"]) == ("", "")
    assert data.ratings() == [row for row in GOOD_2023 if row != (3, 1, 10)]


@pytest.mark.parametrize("rating", ["0", "-1", "", " ", "0.0", "nan", r"\N", "Unknown"])
@pytest.mark.parametrize(
    ("dataset", "file"), [("mal-2016", "rating.csv"), ("mal-2020-filtered", "user-filtered.csv")]
)
def test_what_means_not_scored_does_so_in_every_file(small, dataset, file, rating: str) -> None:
    data = small(dataset)
    data.append(file, f"77,1,{rating}", "78,1,4")
    report = data.report(file)
    assert (report.rejected, report.repaired) == ({}, {})
    assert data.ratings()[-2:] == [(77, 1, None), (78, 1, 4)]


@pytest.mark.parametrize("text", ["8.0", " 8 ", '"8"', "+8"])
def test_other_spellings_of_a_whole_number(small, text: str) -> None:
    data = small("mal-2016")
    data.edit("rating.csv", ("1,1,8", f"1,1,{text}"))
    assert data.report("rating.csv").kept == 6
    assert data.ratings() == GOOD_2016


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,3,10", "user_id: not a number"),
        (",3,10", "user_id: missing"),
        ("-2,3,10", "user_id: negative"),
        ("2,three,10", "anime_id: not a number"),
        ("2,3.5,10", "anime_id: not a whole number"),
        ("2,99999999999,10", "anime_id: out of range"),
    ],
)
def test_bad_id_rejects_the_entry(small, row: str, reason: str) -> None:
    data = small("mal-2016")
    data.edit("rating.csv", ("2,3,10", row))
    assert data.report("rating.csv").rejected == {reason: 1}
    assert [r["text"] for r in data.rejects()] == [row]


@pytest.mark.parametrize(("text", "reason"), [("one", "not a number"), ("", "missing")])
def test_bad_id_rejects_the_row_of_a_catalogue(small, text: str, reason: str) -> None:
    data = small("mal-2016")
    data.edit("anime.csv", ("1,Night", f"{text},Night"))
    report = data.report("anime.csv")
    assert report.rejected == {f"anime_id: {reason}": 1}
    assert data.rejects()[0]["text"].startswith(f"{text},Night Rain")


def test_text_in_optional_cells_becomes_null_and_counts(small) -> None:
    data = small("mal-2016")
    data.edit("anime.csv", ("TV,12,7.5,2000", "Radio,twelve,eleven,many"))
    report = data.report("anime.csv")
    assert (report.kept, report.rejected) == (3, {})
    assert report.repaired == {
        "type: not a known value": 1,
        "episodes: not a number": 1,
        "rating: not a number": 1,
        "members: not a number": 1,
    }
    row = data.table("anime").iloc[0]
    assert row[["type", "episodes", "score", "members"]].isna().all()
    assert row["title"] == "Night Rain"


def test_bad_status_and_episodes_of_a_list_entry(small) -> None:
    data = small("mal-2020")
    data.append("animelist.csv", "3,1,8,done,many", "3,5,8,0,-1", "4,1,8,,")
    report = data.report("animelist.csv")
    assert (report.read, report.kept, report.rejected) == (9, 9, {})
    assert report.repaired == {
        "watching_status: not a known value": 3,
        "watched_episodes: out of range": 3,
    }
    added = data.table("ratings").query("user_id >= 3")
    assert added["status"].isna().all() and added["episodes_watched"].isna().all()


def test_duplicate_entries_the_last_by_position_wins(small) -> None:
    data = small("mal-2023")
    data.append(SCORES, "1,Xinil,1,Night Rain,3", "4,Crystal,6,Trigun Again,2", "1,Xinil,1,Night,5")
    report = data.report(SCORES)
    assert (report.read, report.kept, report.rejected) == (9, 6, {TWICE: 3})
    ratings = {row[:2]: row[2] for row in data.ratings()}
    assert (ratings[1, 1], ratings[4, 6]) == (5, 2)
    assert [place[1] for place in places(data.rejects())] == [2, 7, 8]
    assert data.rejects()[0]["text"] == "1,***,1,Night Rain,9"


def test_duplicates_many_and_far_apart_in_a_file_in_no_order(small) -> None:
    data = small("mal-2016")
    rows = [(user, anime) for user in range(700, 0, -1) for anime in (3, 1, 2)]
    first = [f"{u},{a},1" for u, a in rows]
    second = [f"{u},{a},{1 + u % 10}" for u, a in rows]
    data["rating.csv"] = "user_id,anime_id,rating\n" + "\n".join(first + second) + "\n"
    report = data.report("rating.csv")
    assert (report.read, report.kept) == (4200, 2100)
    assert report.rejected == {TWICE: 1890, REPEATED: 210}
    lines = [int(row["line"]) for row in data.rejects()]
    assert lines == list(range(2, 2102))
    assert data.ratings() == sorted((u, a, 1 + u % 10) for u, a in rows)


@pytest.mark.parametrize("shuffled", [False, True])
def test_exact_repeats_do_not_count_against_the_limit(small, shuffled: bool) -> None:
    data = small("mal-2020")
    whole = data["animelist.csv"].decode().splitlines()
    rows = whole[1:] * 3
    if shuffled:
        rows = rows[::2] + rows[1::2]
    data["animelist.csv"] = "\n".join([whole[0], *rows]) + "\n"
    data["anime.csv"] = data["anime.csv"] + b"\n".join(data["anime.csv"].splitlines()[1:]) + b"\n"
    report = data.ingest(max_reject_fraction=0)
    n = len(whole) - 1
    assert (report.files["animelist.csv"].kept, report.rows["ratings"]) == (n, n)
    assert report.files["animelist.csv"].rejected == {REPEATED: 2 * n}
    assert report.files["anime.csv"].rejected == {REPEATED: report.files["anime.csv"].kept}
    listed = [r for r in data.rejects() if r["file"] == "animelist.csv"]
    assert [r["reason"] for r in listed] == [REPEATED] * 2 * n
    if not shuffled:
        assert [r["text"] for r in listed] == rows[: 2 * n]


def test_rows_that_differ_in_a_status_alone_are_no_exact_repeats(small) -> None:
    data = small("mal-2020")
    data.append("animelist.csv", "1,1,9,4,26")
    with pytest.raises(InputError, match=r"1 of 7 rows .* \(1 the same user and anime"):
        data.ingest(max_reject_fraction=0)


def test_duplicate_rows_of_catalogue_and_users_the_last_wins(small) -> None:
    data = small("mal-2023")
    data.append(USERS, "3,Aokaado,Female,,Norway,2004-11-11T00:00:00+00:00,1,7,1,1,1,1,1,5,1,1")
    text = data[ANIME].decode()
    last = text[text.index("6,Trigun") :]
    data[ANIME] = text + last.replace("Trigun Again", "Trigun Anew")
    report = data.ingest()
    assert report.files[USERS].rejected == {"Mal ID: occurs again further down": 1}
    assert report.files[ANIME].rejected == {"anime_id: occurs again further down": 1}
    assert data.table("users").set_index("user_id")["gender"][3] == "Female"
    assert data.table("anime").set_index("anime_id")["title"][6] == "Trigun Anew"
    assert {place[1] for place in places(data.rejects())} == {6, 3}


def test_scores_beyond_the_catalogue_get_a_stub_with_the_title_given(small) -> None:
    data = small("mal-2023")
    data.append(SCORES, '5,Ann,77,"Rock &amp; ""Roll""",8', "5,Ann,78,,7")
    report = data.ingest()
    assert report.stubs == 2
    assert report.rows == {"anime": 5, "users": 3, "ratings": 8}
    stubs = data.table("anime").set_index("anime_id").loc[[77, 78]]
    assert stubs["title"].tolist() == ['Rock & "Roll"', "Anime #78"]
    assert stubs.drop(columns=["title", "is_adult"]).isna().all(axis=None)


def test_scores_beyond_a_catalogue_without_titles(small) -> None:
    data = small("mal-2016")
    data.append("rating.csv", "9,44,3")
    report = data.ingest()
    assert report.stubs == 1
    assert "1" in report.summary().splitlines()[-1]
    assert data.table("anime").set_index("anime_id")["title"][44] == "Anime #44"


@pytest.mark.parametrize("year", ["0001", "2099", "1776"])
def test_impossible_year_of_an_anime_becomes_null(small, year: str) -> None:
    data = small("mal-2023")
    data.edit(ANIME, ("Sep 1, 2001", f"Sep 1, {year}"), ("spring 1998", f"spring {year}"))
    report = data.report(ANIME)
    assert report.repaired == {"Aired: year out of range": 1, "Premiered: year out of range": 1}
    anime = data.table("anime").set_index("anime_id")
    assert pd.isna(anime["aired_from"][5]) and pd.isna(anime["year"][5])
    assert anime["year"][1] == 1998  # from the day it began


def test_plausible_future_year_stays(small) -> None:
    data = small("mal-2023")
    assert data.report(ANIME).repaired == {}
    assert data.table("anime").set_index("anime_id")["year"][6] == 2030


@pytest.mark.parametrize(
    ("birthday", "reason"),
    [
        ("2023-07-21T00:00:00+00:00", "in the future"),
        ("2999-01-01T00:00:00+00:00", "in the future"),
        ("1899-12-31T00:00:00+00:00", "before 1900"),
        ("0001-01-01T00:00:00+00:00", "before 1900"),
        ("1990-02-30T00:00:00+00:00", "not a date"),
        ("yesterday", "not a date"),
    ],
)
def test_impossible_birthday_becomes_null(small, birthday: str, reason: str) -> None:
    data = small("mal-2023")
    data.edit(USERS, ("1985-03-04T00:00:00+00:00", birthday))
    report = data.report(USERS)
    assert (report.kept, report.repaired) == (3, {f"Birthday: {reason}": 1})
    assert data.table("users")["birth_date"].isna().all()


def test_birthday_on_the_day_of_the_snapshot_is_possible(small) -> None:
    data = small("mal-2023")
    data.edit(USERS, ("1985-03-04T00:00:00+00:00", "2023-07-20T00:00:00+00:00"))
    assert data.report(USERS).repaired == {}


def test_negative_counts_become_null(small) -> None:
    data = small("mal-2023")
    data.edit(USERS, ("142.3,7.37,1.0,", "-142.3,7.37,-1.0,"))
    data.edit(ANIME, ("41.0,43,78525", "41.0,43,-78525"))
    report = data.ingest()
    assert report.files[USERS].repaired == {"Days Watched: negative": 1, "Watching: negative": 1}
    assert report.files[ANIME].repaired == {"Favorites: negative": 1}
    assert data.table("users")[["days_watched", "watching"]].iloc[0].isna().all()
    assert pd.isna(data.table("anime")["favorites"][0])


# --- all in all -------------------------------------------------------------------------------


def test_too_many_rejects_stop_with_the_three_commonest_reasons_and_change_nothing(small) -> None:
    data = small("mal-2016")
    data.ingest()
    before = {f.name: f.read_bytes() for f in data.paths.processed.iterdir() if f.suffix}
    bad = ["1,1", "1,1", "1,1", "9,1,x", "9,1,x", "9,2,99", "", ""]
    data.append("rating.csv", *bad, '9,"1,1')
    with pytest.raises(InputError) as refused:
        data.ingest(0.5)
    message = str(refused.value)
    assert "9 of 15 rows" in message
    assert "3 wrong number of fields, 2 blank line, 2 rating: not a number" in message
    assert "\n" not in message
    after = {f.name: f.read_bytes() for f in data.paths.processed.iterdir() if f.suffix}
    assert after == before


def test_one_percent_is_the_limit(small) -> None:
    data = small("mal-2016")
    rows = [f"{user},1,5" for user in range(1, 100)]
    data["rating.csv"] = "user_id,anime_id,rating\n" + "\n".join([*rows, "x,1,5"]) + "\n"
    assert data.ingest(0.01).files["rating.csv"].rejected.total() == 1
    data["rating.csv"] = "user_id,anime_id,rating\n" + "\n".join([*rows[1:], "x,1,5"]) + "\n"
    with pytest.raises(InputError, match="1 of 99 rows"):
        data.ingest(0.01)


def test_ratings_file_that_is_all_text_is_refused(small) -> None:
    data = small("mal-2016")
    data["rating.csv"] = "user_id,anime_id,rating\n" + "this, is not, a number\n" * 120_000
    with pytest.raises(InputError, match=r"rows cannot be used \(.* user_id: not a number"):
        data.ingest(0.01)


def test_file_without_commas_is_given_up_early(small) -> None:
    data = small("mal-2016")
    data["rating.csv"] = "user_id,anime_id,rating\n" + "lorem ipsum dolor sit amet\n" * 400_000
    with pytest.raises(InputError, match=r"of the first .* wrong number of fields"):
        data.ingest(0.01)


def test_everything_at_once_is_accounted_for(small) -> None:
    data = small("mal-2023")
    lines = data[SCORES].splitlines(keepends=True)
    damaged = [
        lines[0].replace(b"\n", b"\r\n"),
        lines[1],
        b"\n",
        b'1,Xinil,5,"Door, of Rain,8\n',
        lines[3].replace(b"Trigun", b"Tr\xefgun"),
        b"\0\0\0\n",
        b'3,Aokaado,1,"Night\nRain",10\n',
        lines[5].replace(b"Rain", b"Ra\0in"),
        b"4,Crystal,6\n",
        lines[6].replace(b",7\n", b",12\n"),
        b"4,Crystal,1,Night Rain,4\n",
        b"4,Crystal,1,Night Rain,5\n",
        b"4,Crys",
    ]
    data[SCORES] = b"".join(damaged)
    report = data.report(SCORES)
    assert report.rejected == Counter(
        {
            "blank line": 1,
            "unclosed quotation mark": 1,
            "NUL bytes only": 1,
            "wrong number of fields": 1,
            "rating: outside 1 to 10": 1,
            TWICE: 1,
            "cut off at the end of the file": 1,
        }
    )
    assert report.repaired == {"not UTF-8, read as Windows-1252": 1, "NUL bytes removed": 1}
    assert (report.read, report.kept) == (12, 5)
    assert data.ratings() == [(1, 1, 9), (1, 6, 8), (3, 1, 10), (4, 1, 5), (4, 5, 6)]
    found = [place[1:3] for place in places(data.rejects())]
    assert found == [(3, 3), (4, 4), (6, 6), (10, 9), (11, 10), (12, 11), (14, 13)]
