"""Write raw files of the real datasets' size and shape, filled with made-up rows.

    python benchmarks/ingestion/generate.py mal-2023 FOLDER
    python benchmarks/ingestion/generate.py mal-2020-filtered FOLDER
    python benchmarks/ingestion/generate.py mal-2018 FOLDER [MILLIONS OF ENTRIES]
    python benchmarks/ingestion/generate.py user-animelist FOLDER

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


def mal_2018(folder: Path, con: duckdb.DuckDBPyConnection, n_rows: int = 80_000_000) -> None:
    """80 million dated list entries by user names, 302,675 users and 14,478 anime.

    Users come in no order of names, each with all entries; most dates are not given.
    """
    n_users = max(1, round(302_675 * n_rows / 80_000_000))
    name = "'member' || to_base((user_id * 7919 + 13)::BIGINT, 36)"
    con.execute(f"""
        COPY (SELECT {name} AS username, anime + 1 AS anime_id,
              r % 26 AS my_watched_episodes,
              CASE WHEN r < 300 THEN (DATE '2008-01-01' + (r * 11)::INT)::VARCHAR
                   ELSE '0000-00-00' END AS my_start_date,
              CASE WHEN r < 250 THEN (DATE '2008-02-01' + (r * 11)::INT)::VARCHAR
                   ELSE '0000-00-00' END AS my_finish_date,
              CASE WHEN r % 5 < 2 THEN 0 ELSE {RATING} END AS my_score,
              CASE WHEN r % 10 < 6 THEN 2 WHEN r % 10 < 7 THEN 1 WHEN r % 10 < 8 THEN 4
                   WHEN r % 10 < 9 THEN 3 ELSE 6 END AS my_status,
              CASE WHEN r % 3 = 0 THEN 0 END AS my_rewatching, 0 AS my_rewatching_ep,
              1250000000 + r * 250000 AS my_last_updated, NULL AS my_tags
              FROM (SELECT *, (hash(salt) % 1000)::BIGINT AS r FROM (
                  {entries(con, n_users, n_rows, 2 * n_users)})))
        TO '{folder}/UserAnimeList.csv' {CSV}
    """)
    con.execute(f"""
        COPY (SELECT {name} AS username, user_id, 3 AS user_watching, 49 AS user_completed,
              1 AS user_onhold, 2 AS user_dropped, 0 AS user_plantowatch,
              (user_id % 2000) / 10.0 AS user_days_spent_watching,
              CASE user_id % 3 WHEN 0 THEN 'Female' WHEN 1 THEN 'Male' END AS gender,
              CASE user_id % 4 WHEN 0 THEN 'Oslo, Norway' WHEN 1 THEN 'Ontario' END AS location,
              '1990-04-29 00:00:00' AS birth_date, NULL AS access_rank,
              '2013-03-03 00:00:00' AS join_date, '2014-02-04 01:32:00' AS last_online,
              7.43 AS stats_mean_score, 0.0 AS stats_rewatched, 3391.0 AS stats_episodes
              FROM list_sizes)
        TO '{folder}/UserList.csv' {CSV}
    """)
    works = "'{''Sequel'': [{''mal_id'': ' || range + 2 || ', ''type'': ''anime''}]}'"
    con.execute(f"""
        COPY (SELECT range + 1 AS anime_id, {title("range")} AS title, NULL AS title_english,
              'アニメ' || range AS title_japanese, 'AN ' || range || ', Number' AS title_synonyms,
              NULL AS image_url, 'TV' AS type, 'Manga' AS source, 1 + range % 26 AS episodes,
              'Finished Airing' AS status, 'False' AS airing,
              'Apr 3, 1998 to Apr 24, 1999' AS aired_string, NULL AS aired,
              '24 min. per ep.' AS duration, 'PG-13 - Teens 13 or older' AS rating,
              round(5 + range % 40 / 10.0, 2) AS score, range * 7 AS scored_by, range AS rank,
              range AS popularity, range * 11 AS members, 12 AS favorites, NULL AS background,
              'Spring 1998' AS premiered, NULL AS broadcast, {works} AS related,
              'Fuji' AS producer, NULL AS licensor, 'Sunrise' AS studio,
              'Action, Comedy' AS genre, '[]' AS opening_theme, '[]' AS ending_theme
              FROM range({N_ANIME}))
        TO '{folder}/AnimeList.csv' {CSV}
    """)


def user_animelist(folder: Path, con: duckdb.DuckDBPyConnection) -> None:
    """148,170,496 scores with fractions, of 1,774,522 users, and 20,237 anime."""
    con.execute(f"""
        COPY (SELECT user_id AS "userID", anime + 1 AS "animeID",
              CASE WHEN r % 4 = 0 THEN {RATING} - 0.5 ELSE {RATING} END AS rating
              FROM (SELECT *, hash(salt) % 1000 AS r FROM (
                  {entries(con, 1_774_522, 148_170_496, 1_774_522)})))
        TO '{folder}/ratings.csv' {CSV}
    """)
    con.execute(f"""
        COPY (SELECT range + 1 AS "animeID", {title("range")} AS title,
              'AN ' || range AS alternative_title, 'TV' AS type, 2000 + range % 20 AS year,
              round(5 + range % 40 / 10.0, 2) AS score, 1 + range % 26 AS episodes,
              'https://myanimelist.net/anime/' || range * 3 + 1 AS mal_url, 'False' AS sequel,
              NULL AS image_url, '[''Action'', ''Comedy'']' AS genres, '[]' AS genres_detailed
              FROM range(20237))
        TO '{folder}/animes.csv' {CSV}
    """)


def title(number: str) -> str:
    """Return SQL for a title: some have a comma, some quotation marks."""
    return f"""CASE {number} % 3 WHEN 0 THEN 'Title Number ' || {number}
        WHEN 1 THEN 'Tensei Shitara, Number ' || {number}
        ELSE '"Bungaku" Movie ' || {number} END"""


def main() -> None:
    dataset, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    if dataset == "mal-2018":
        millions = float(sys.argv[3]) if len(sys.argv) > 3 else 80
        mal_2018(folder, duckdb.connect(), round(millions * 1e6))
    else:
        write = {
            "mal-2023": mal_2023,
            "mal-2020-filtered": mal_2020_filtered,
            "user-animelist": user_animelist,
        }[dataset]
        write(folder, duckdb.connect())


if __name__ == "__main__":
    main()
