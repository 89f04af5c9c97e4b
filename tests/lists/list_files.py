"""One small list in every format: Cowboy Bebop finished and rated 9 of 10 (or what is nearest on
the format's scale), Naruto planned, Attack on Titan given up and rated 2."""

from __future__ import annotations

import json


def export(*entries: tuple) -> bytes:
    """Return a MyAnimeList export of (id, title, score, status) entries."""
    anime = "".join(
        f"""
        <anime>
            <series_animedb_id>{anime_id}</series_animedb_id>
            <series_title><![CDATA[{title}]]></series_title>
            <series_type>TV</series_type>
            <my_watched_episodes>3</my_watched_episodes>
            <my_score>{score}</my_score>
            <my_status>{status}</my_status>
            <my_tags><![CDATA[]]></my_tags>
        </anime>"""
        for anime_id, title, score, status in entries
    )
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
        <!-- Created by the export feature at MyAnimeList.net -->
        <myanimelist>
        <myinfo><user_name>somebody</user_name><user_export_type>1</user_export_type></myinfo>
        {anime}
        </myanimelist>""".encode()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


BEBOP, NARUTO, TITAN = "Cowboy Bebop", "Naruto", "Shingeki no Kyojin"

FILES = {
    "MyAnimeList (XML)": export(
        (1, BEBOP, 9, "Completed"), (20, NARUTO, 0, "Plan to Watch"), (16498, TITAN, 2, "Dropped")
    ),
    "MyAnimeList (JSON)": _json(
        [
            {"anime_id": 1, "anime_title": BEBOP, "score": 9, "status": 2,
             "num_watched_episodes": 26},
            {"anime_id": 20, "anime_title": NARUTO, "score": 0, "status": 6,
             "num_watched_episodes": 0},
            {"anime_id": 16498, "anime_title": TITAN, "score": 2, "status": 4,
             "num_watched_episodes": 3},
        ]
    ),
    "MyAnimeList (API)": _json(
        {
            "data": [
                {"node": {"id": i, "title": t}, "list_status": {"status": s, "score": r}}
                for i, t, s, r in (
                    (1, BEBOP, "completed", 9),
                    (20, NARUTO, "plan_to_watch", 0),
                    (16498, TITAN, "dropped", 2),
                )
            ]
        }
    ),
    "AniList (API)": _json(
        {
            "data": {
                "MediaListCollection": {
                    "user": {"mediaListOptions": {"scoreFormat": "POINT_100"}},
                    "lists": [
                        {
                            "entries": [
                                {"status": s, "score": r, "media": {"idMal": i, "id": i + 7,
                                                                    "title": {"romaji": t}}}
                                for i, t, s, r in (
                                    (1, BEBOP, "COMPLETED", 90),
                                    (20, NARUTO, "PLANNING", 0),
                                    (16498, TITAN, "DROPPED", 20),
                                )
                            ]
                        }
                    ],
                }
            }
        }
    ),
    "Kitsu": _json(
        {
            "data": [
                {
                    "type": "libraryEntries", "id": f"{n}",
                    "attributes": {"status": s, "ratingTwenty": r, "progress": 3},
                    "relationships": {"anime": {"data": {"type": "anime", "id": f"{n}"}}},
                }
                for n, s, r in ((1, "completed", 18), (2, "planned", None), (3, "dropped", 4))
            ],
            "included": [
                {"type": "anime", "id": f"{n}", "attributes": {"canonicalTitle": t}}
                for n, t in ((1, BEBOP), (2, NARUTO), (3, "Attack on Titan"))
            ],
        }
    ),
    "Anime-Planet": _json(
        {
            "user": {"name": "somebody"},
            "export": {"type": "anime", "version": 2},
            "entries": [
                {"name": BEBOP, "rating": 4.5, "status": "watched", "eps": 26, "times": 1},
                {"name": NARUTO, "rating": 0, "status": "want to watch", "eps": 0, "times": 0},
                {"name": "Attack on Titan", "rating": 1, "status": "dropped", "eps": 3},
            ],
        }
    ),
    "Shikimori": _json(
        [
            {"target_id": i, "target_type": "Anime", "target_title": t, "score": r, "status": s,
             "rewatches": 0, "episodes": 3}
            for i, t, s, r in (
                (1, BEBOP, "completed", 9), (20, NARUTO, "planned", 0), (16498, TITAN, "dropped", 2)
            )
        ]
    ),
    "SIMKL": _json(
        {
            "anime": [
                {"show": {"title": t, "ids": {"mal": f"{i}"}}, "status": s, "user_rating": r}
                for i, t, s, r in (
                    (1, BEBOP, "completed", 9),
                    (20, NARUTO, "plantowatch", None),
                    (16498, TITAN, "dropped", 2),
                )
            ]
        }
    ),
    "Yamtrack": (
        b"media_id,source,media_type,title,score,status,progress\n"
        b"1,mal,anime,Cowboy Bebop,9.0,Completed,26\n"
        b"20,mal,anime,Naruto,,Planning,0\n"
        b"16498,mal,anime,Shingeki no Kyojin,2.0,Dropped,3\n"
        b"30,tmdb,movie,Some Film,8.0,Completed,1\n"
    ),
    "a table (CSV)": (
        b"Anime ID,Title,Your Rating,Watch Status\n"
        b"1,Cowboy Bebop,9,Completed\n"
        b"20,Naruto,,Want to Watch\n"
        b"16498,Attack on Titan,2,Dropped\n"
    ),
}  # fmt: skip

TAIGA = b"""<?xml version="1.0"?><library>
<anime><id>1</id><progress>26</progress><score>90</score><status>2</status></anime>
<anime><id>20</id><progress>0</progress><score>0</score><status>5</status></anime>
<anime><id>16498</id><progress>3</progress><score>20</score><status>4</status></anime>
</library>"""

DATA_EXPORT = _json(
    {
        "user": {"id": 1},
        "lists": [{"series_id": 1, "series_type": 0, "status": 2, "score": 90, "progress": 26}],
    }
)
"""AniList's own: neither titles nor MyAnimeList's ids."""

PLAIN = b"Cowboy Bebop: 9\nNaruto\nAttack on Titan - 2/10\n"
