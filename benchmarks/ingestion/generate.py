"""Write raw files of the real datasets' size and shape, filled with made-up rows.

    python benchmarks/ingestion/generate.py mal-2023 FOLDER
    python benchmarks/ingestion/generate.py mal-2020-filtered FOLDER

The numbers of rows are those of the public files' descriptions; about one user in ten has a cell
that cannot be (a day of joining after the snapshot, a mean score below 1). Users come in order, the
anime of a user in no order, as in the real files. The same call writes the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

N_ANIME = 16_493
"""A prime, so that steps of any size through the anime visit each once."""

CSV = "(FORMAT csv, HEADER, DELIMITER ',', QUOTE '\"', ESCAPE '\"')"


def entries(con: duckdb.DuckDBPyConnection, n_users: int, n_rows: int, last_user: int) -> str:
    """Return SQL for (user_id, anime, salt): ``n_rows`` list entries without duplicates.

    List lengths follow a Pareto distribution; ids are spread up to ``last_user``.
    """
    rng = np.random.default_rng(0)
    drawn = np.minimum(rng.pareto(1.2, n_users) + 0.02, 100)
    size = np.clip((drawn * n_rows / drawn.sum()).astype(int), 1, N_ANIME - 1)
    size[: abs(n_rows - size.sum()) % n_users] += 1 if n_rows > size.sum() else 0
    while (lacking := n_rows - size.sum()) != 0:
        able = np.flatnonzero((size > 1) & (size < N_ANIME - 1))[: abs(lacking)]
        size[able] += np.sign(lacking)
    users = pa.table(
        {
            "user_id": np.sort(rng.choice(last_user, n_users, replace=False)) + 1,
            "n": size,
            "start": rng.integers(0, N_ANIME, n_users),
            "step": rng.integers(1, N_ANIME, n_users),
        }
    )
    con.register("list_sizes", users)
    return f"""
        SELECT user_id, (start + j * step) % {N_ANIME} AS anime, (user_id * 31 + j)::BIGINT AS salt
        FROM (SELECT user_id, start, step, unnest(range(n)) AS j FROM list_sizes)
    """


RATING = """CASE WHEN r < 4 THEN 1 WHEN r < 9 THEN 2 WHEN r < 19 THEN 3 WHEN r < 42 THEN 4
    WHEN r < 99 THEN 5 WHEN r < 213 THEN 6 WHEN r < 437 THEN 7 WHEN r < 686 THEN 8
    WHEN r < 868 THEN 9 ELSE 10 END"""


def mal_2020_filtered(folder: Path, con: duckdb.DuckDBPyConnection) -> None:
    """109,224,747 rows of user_id, anime_id, rating, of which 0 stands for "not scored"."""
    con.execute(f"""
        COPY (SELECT user_id, anime * 3 + 1 AS anime_id,
              CASE WHEN r % 5 < 2 THEN 0 ELSE {RATING} END AS rating
              FROM (SELECT *, hash(salt) % 1000 AS r FROM (
                  {entries(con, 325_770, 109_224_747, 353_405)})))
        TO '{folder}/user-filtered.csv' {CSV}
    """)
    con.execute(f"""
        COPY (SELECT range * 3 + 1 AS anime_id, 'Anime number ' || range AS "Name",
              round(5 + range % 40 / 10.0, 2) AS "Score",
              'Action, Comedy' AS "Genres", 'Unknown' AS "English name",
              'Unknown' AS "Japanese name",
              'A story.' AS sypnopsis, 'TV' AS "Type", 1 + range % 26 AS "Episodes",
              'Apr 3, 1998 to Apr 24, 1999' AS "Aired", 'Spring 1998' AS "Premiered",
              'Unknown' AS "Producers", 'Unknown' AS "Licensors", 'Sunrise' AS "Studios",
              'Manga' AS "Source", '24 min. per ep.' AS "Duration",
              'PG-13 - Teens 13 or older' AS "Rating", range + 1.0 AS "Ranked",
              range + 1 AS "Popularity", 900000 - range AS "Members", 100 AS "Favorites",
              1 AS "Watching", 2 AS "Completed", 3 AS "On-Hold", 4 AS "Dropped"
              FROM range({N_ANIME}))
        TO '{folder}/anime-filtered.csv' {CSV}
    """)


def mal_2023(folder: Path, con: duckdb.DuckDBPyConnection) -> None:
    """24,325,191 scores (279 of them twice), 731,290 users and 24,905 anime."""
    con.execute(f"""
        COPY (
            SELECT range * 2 + 1 AS anime_id, title AS "Name", 'UNKNOWN' AS "English name",
                   'アニメ' || range AS "Other name",
                   CASE WHEN range % 3 = 0 THEN 'UNKNOWN'
                        ELSE (5 + range % 40 / 10.0)::VARCHAR END
                   AS "Score", 'Action, Sci-Fi' AS "Genres",
                   repeat('Crime is timeless, they say. ', 20) || chr(10) || 'The end.'
                   AS "Synopsis",
                   'TV' AS "Type", (1 + range % 26) || '.0' AS "Episodes",
                   'Apr 3, 1998 to Apr 24, 1999' AS "Aired", 'spring 1998' AS "Premiered",
                   'Finished Airing' AS "Status", 'Bandai Visual' AS "Producers",
                   'Funimation, Bandai Entertainment' AS "Licensors", 'Sunrise' AS "Studios",
                   'Original' AS "Source", '24 min per ep' AS "Duration",
                   'R - 17+ (violence & profanity)' AS "Rating", range || '.0' AS "Rank",
                   range AS "Popularity", range % 1000 AS "Favorites",
                   range * 7 || '.0' AS "Scored By",
                   range * 11 AS "Members",
                   'https://cdn.myanimelist.net/images/anime/' || range || '.jpg' AS "Image URL"
            FROM (SELECT range, {title("range")} AS title FROM range(24905)))
        TO '{folder}/anime-dataset-2023.csv' {CSV}
    """)
    con.execute(f"""
        COPY (
            SELECT range * 2 + 1 AS "Mal ID", 'user_' || to_base(range * 7919, 36)
                   AS "Username",
                   CASE WHEN h < 69 THEN NULL WHEN h < 88 THEN 'Male' WHEN h < 99 THEN 'Female'
                        ELSE 'Non-Binary' END AS "Gender",
                   CASE WHEN h % 13 < 3 THEN strftime(
                        DATE '1960-01-01' + h * 163 + (range % 997)::INT,
                        '%Y-%m-%dT00:00:00+00:00') END AS "Birthday",
                   CASE WHEN h % 5 = 0 THEN list_extract(
                        ['California', 'Oslo, Norway', 'Melbourne, Australia',
                         'somewhere ' || range, 'Ontario', 'Berlin, Germany', 'Brazil', 'my room'],
                         1 + (range % 8)::INT)
                        END AS "Location",
                   strftime(DATE '2004-11-05' + (range % 6900)::INT,
                        '%Y-%m-%dT00:00:00+00:00')
                        AS "Joined",
                   (hash(range) % 20000) / 10.0 AS "Days Watched",
                   (hash(range) % 1000) / 100.0 AS "Mean Score", w AS "Watching",
                   w * 9 AS "Completed", w % 7 AS "On Hold", w % 11 AS "Dropped", w % 90
                   AS "Plan to Watch", w * 10 + w % 7 + w % 11 + w % 90 AS "Total Entries",
                   w % 13 AS "Rewatched", w * 113 AS "Episodes Watched"
            FROM (SELECT range, (hash(range) % 100)::INT AS h,
                  (hash(range + 7) % 40)::INT AS w FROM range(731290)))
        TO '{folder}/users-details-2023.csv' {CSV}
    """)
    con.execute(f"""
        COPY (
            SELECT user_id, CASE WHEN salt % 104000 <> 0 THEN
                       'user_' || to_base(user_id, 36) END AS "Username",
                   anime * 2 + 1 AS anime_id, title AS "Anime Title", {RATING} AS rating
            FROM (SELECT *, hash(salt) % 1000 AS r, {title("anime")} AS title FROM (
                {entries(con, 269_911, 24_324_633, 1_291_096)}))
            UNION ALL
            SELECT 1291097, 'twice', range // 2 * 2 + 1, {title("range // 2")}, 5 + range % 2
            FROM range(2 * 279))
        TO '{folder}/users-score-2023.csv' {CSV}
    """)


def title(number: str) -> str:
    """Return SQL for a title: some have a comma, some quotation marks."""
    return f"""CASE {number} % 3 WHEN 0 THEN 'Title Number ' || {number}
        WHEN 1 THEN 'Tensei Shitara, Number ' || {number}
        ELSE '"Bungaku" Movie ' || {number} END"""


def main() -> None:
    dataset, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    write = {"mal-2023": mal_2023, "mal-2020-filtered": mal_2020_filtered}[dataset]
    write(folder, duckdb.connect())


if __name__ == "__main__":
    main()
