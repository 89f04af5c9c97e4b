"""What the recommender says to people: five telling lists, well-known titles, segments, newcomers.

In: something that recommends (`Recommends`). Out: findings. How good recommendations are on the
whole is asked in `comparison`; how they are made does not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from anirec.analysis import plots, style
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.analysis.statistics import mean_effect

TELLING: dict[str, dict[str, int]] = {
    "sports through and through": {"Haikyuu!!": 9, "Slam Dunk": 9, "Kuroko no Basket": 8},
    "quiet days": {"K-On!": 9, "Lucky☆Star": 8, "Non Non Biyori": 9},
    "dark and clever": {"Death Note": 10, "Monster": 9, "Steins;Gate": 10},
    "old mecha": {"Neon Genesis Evangelion": 9, "Mobile Suit Gundam": 8, "Cowboy Bebop": 10},
    "romance, and no harem please": {"Toradora!": 9, "Clannad": 10, "High School DxD": 2},
}
"""Five people: titles and their scores."""

ASKED = ("popularity", "content", "hybrid-ease", "two-stage")
"""The models that the five are shown, from the crudest to what is served."""

TOLD = ["person", "model", "rank", "title", "genres", "because"]
"""Columns of what the five are told."""

WELL_KNOWN = {
    "comedy": ["Gintama", "Nichijou"],
    "fantasy and adventure": ["Hunter x Hunter (2011)", "Sen to Chihiro no Kamikakushi"],
    "romance": ["Toradora!", "Kimi ni Todoke"],
    "sports": ["Haikyuu!!", "Slam Dunk"],
    "supernatural action": ["Naruto", "Death Note", "Shingeki no Kyojin"],
    "music": ["K-On!", "Nodame Cantabile"],
    "kids": ["Pokemon", "Digimon Adventure"],
    "mecha and science fiction": [
        "Cowboy Bebop",
        "Code Geass: Hangyaku no Lelouch",
        "Neon Genesis Evangelion",
    ],
    "slice of life": ["Mushishi", "Aria the Animation"],
}
"""Twenty titles that most people who watch anime have heard of, two or three of each kind."""

BY = ("content", "ease", "rating-net")
"""Models that call anime similar for different reasons: words, lists, tastes."""


MOST_LINES = 8
"""Titles whose places are followed in one figure."""


class Recommends(Protocol):
    """What `anirec.recommender.AnimeRecommender` is to this module."""

    @property
    def anime(self) -> pd.DataFrame: ...

    @property
    def segments(self) -> Mapping[str, Sequence[int]]: ...

    def model(self, name: str) -> Any: ...

    def recommend(self, profile: Any, k: int = 10, model: str | None = None) -> pd.DataFrame: ...

    def similar(self, anime_id: int, k: int = 10, model: str | None = None) -> pd.DataFrame: ...

    def for_segment(self, segment: str, k: int = 10) -> pd.DataFrame: ...


def known_titles(recommender: Recommends) -> pd.DataFrame:
    """Return the anime table of what is on somebody's list, which the models know."""
    return recommender.anime.loc[recommender.model("popularity").anime_ids_]


def _by_title(recommender: Recommends) -> pd.Series:
    known = known_titles(recommender)
    return pd.Series(known.index, known["title"]).groupby(level=0).first()


# --- five people ----------------------------------------------------------------------------


def tell(recommender: Recommends, k: int = 5) -> pd.DataFrame:
    """Ask what five telling people are recommended, by models from the crudest to what is served.

    Returns a row per ``person``, ``model`` and ``rank``: ``title``, ``genres``, ``because``. A
    person is left out if the dataset has none of the titles that they like.
    """
    ids = _by_title(recommender)
    parts = []
    for person, scored in TELLING.items():
        profile = {int(ids[title]): score for title, score in scored.items() if title in ids.index}
        if not any(score >= 6 for score in profile.values()):
            continue
        for model in ASKED:
            found = recommender.recommend(profile, k=k, model=model)
            parts.append(found.assign(person=person, model=model).reindex(columns=TOLD))
    if not parts:
        return pd.DataFrame(columns=TOLD)
    return pd.concat(parts, ignore_index=True).fillna({"because": ""})


def one_story(told: pd.DataFrame, person: str) -> Finding | Absence:
    """What is one of the five recommended, and what do the models make of the same list?"""
    asks = f"What is recommended to: {person}?"
    mine = told[told["person"] == person]
    if mine.empty:
        return Absence(asks, "This dataset has none of the titles that this person likes.")
    titles = mine.groupby("model", sort=False)["title"].agg(list)
    served = mine[mine["model"] == ASKED[-1]]
    first = served.iloc[0]
    reason = f" ({first['because']})" if first["because"] else ""
    usual = set(titles["popularity"])
    kept = sum(title in usual for title in titles[ASKED[-1]])
    *most, last = (f"{title} {score}" for title, score in TELLING[person].items())
    said = f"{', '.join(most)} and {last}"
    return Finding(
        f"telling_{person.split()[0].strip(',')}",
        asks,
        f"They gave {said}. {ASKED[-1]} puts {first['title']} first{reason}. "
        f"{kept or 'None'} of its {len(served)} would be shown to everybody.",
        table=mine[["model", "rank", "title", "genres", "because"]],
        effect=Effect(kept / len(served), "share that everybody is offered", len(served)),
        caveat="One made-up person. Whether they would like it, nobody can be asked.",
        view=pd.DataFrame(
            {"model": titles.index, "recommended": titles.map(" · ".join).to_numpy()}
        ),
    )


def five_stories(told: pd.DataFrame) -> Finding | Absence:
    """How personal are the recommendations to the five, model by model?"""
    asks = "How different is what different people are shown?"
    people = list(dict.fromkeys(told["person"]))
    if len(people) < 2:
        return Absence(asks, "Fewer than two of the five people like titles of this dataset.")
    table = told.groupby(["person", "model"], sort=False)["title"].agg(" · ".join)
    table = table.rename("recommended").reset_index()
    distinct = told.groupby("model", sort=False)["title"].agg(lambda titles: titles.nunique())
    shown = len(told) // told["model"].nunique()
    served = int(distinct[ASKED[-1]])
    shares = (distinct / shown).rename("share").reset_index()
    return Finding(
        "telling_people",
        asks,
        f"{len(people)} of {len(TELLING)} people like titles of this dataset. To them popularity "
        f"shows {distinct['popularity']} different titles in {shown} places, {ASKED[-1]} "
        f"{served}.",
        plots.ranked_bars(
            shares,
            label="model",
            value="share",
            title=f"{ASKED[-1]} shows five people {served} titles in {shown} places",
            value_label="different titles, share of all places",
            form=style.percent,
            keep_order=True,
        ),
        table,
        Effect(served / shown, "share of places with a title of its own", shown),
        "Different is not better: a list drawn by lot would be different for everybody.",
    )


# --- what the box says ----------------------------------------------------------------------


def what_can_be_found(recommender: Recommends) -> Finding:
    """What can be typed into the box, and of how much do the models know anything?"""
    anime, known = recommender.anime, known_titles(recommender)
    return Finding(
        "search",
        "What can be found in the box?",
        f"The box searches {len(anime):,} anime by their names in any language; {len(known):,} of "
        "them are on somebody's list, and the others are judged by what they are like.",
        effect=Effect(len(known) / len(anime), "share that is on a list", len(anime)),
    )


def best_known_titles(recommender: Recommends, n: int = 3) -> pd.DataFrame:
    """Return the ``n`` titles with most members that are not adult."""
    known = known_titles(recommender)
    return known[~known["is_adult"].fillna(False).astype(bool)].nlargest(n, "members")


def ask_for_each(recommender: Recommends, titles: pd.Series, k: int = 10) -> pd.DataFrame:
    """Return what is recommended to somebody who likes one of ``titles`` (by id), for each."""
    lists = [
        recommender.recommend({int(anime_id): None}, k=k).assign(liked=title)
        for anime_id, title in titles.items()
    ]
    return pd.concat(lists, ignore_index=True)


def one_title_liked(lists: pd.DataFrame) -> Finding:
    """What would somebody get who likes one well-known title?"""
    places = lists.groupby("anime_id")["liked"].nunique()
    n_liked = lists["liked"].nunique()
    beside = lists.pivot_table(
        index="rank", columns="liked", values="title", aggfunc="first", sort=False
    )
    repeated = float(lists["anime_id"].isin(places.index[places > 1]).mean())
    return Finding(
        "recommendations",
        "What would somebody get who likes one well-known title?",
        f"{len(places)} different anime are recommended to the {n_liked}; {repeated:.0%} of the "
        "recommendations stand on more than one list.",
        table=lists,
        effect=Effect(repeated, "share on more than one list", len(lists)),
        caveat="One title is little to go by; what such a list can hit is measured in notebook 03 "
        "(few titles).",
        view=beside.reset_index(),
    )


def where_well_known_lead(recommender: Recommends, k: int = 10) -> Finding | Absence:
    """Where do twenty well-known titles lead?"""
    asks = "Where do twenty well-known titles lead?"
    ids = _by_title(recommender)
    genres = recommender.anime["genres"]
    rows, shares = [], []
    for kind, titles in WELL_KNOWN.items():
        for title in (title for title in titles if title in ids.index):
            found = recommender.recommend({int(ids[title]): None}, k=k)
            rows.append({"kind": kind, "liked": title, "recommended": " · ".join(found["title"])})
            shares.append(_share_alike(genres, int(ids[title]), found["anime_id"]))
    if not rows:
        return Absence(asks, "None of the twenty is in this dataset.")
    n_titles = sum(len(titles) for titles in WELL_KNOWN.values())
    known = known_titles(recommender)
    chance = np.mean([_share_alike(genres, int(ids[row["liked"]]), known.index) for row in rows])
    effect = mean_effect(np.array(shares), "share that has a genre of it", float(chance))
    return Finding(
        "well_known",
        asks,
        f"{len(rows)} of the {n_titles} titles are in this dataset; each leads to {k} others. "
        f"{effect.value:.0%} ({effect.low:.0%} to {effect.high:.0%}) of what they lead to has a "
        f"genre of theirs, where {chance:.0%} of all anime have.",
        table=pd.DataFrame(rows),
        effect=effect,
        caveat="To share a genre is the least that likeness can mean.",
    )


def _share_alike(genres: pd.Series, liked: int, others: pd.Index | pd.Series) -> float:
    own = set(genres.at[liked] if genres.at[liked] is not None else ())
    alike = [bool(own & set(names)) for names in genres.reindex(others) if names is not None]
    return float(np.mean(alike)) if alike else 0.0


def what_segments_get(recommender: Recommends, k: int = 5) -> Finding | Absence:
    """What would somebody get who likes what a segment likes?"""
    asks = "What would somebody get who likes what a segment likes?"
    found = {name: recommender.for_segment(name, k=k)["title"] for name in recommender.segments}
    if not found:
        return Absence(asks, "No segments are known: run notebook 04 first.")
    table = pd.DataFrame(
        {"segment": list(found), "recommended": [" · ".join(titles) for titles in found.values()]}
    )
    different = pd.concat(found.values()).nunique() / (k * len(found))
    return Finding(
        "segments",
        asks,
        f"Each of {len(table)} segments gets {k} anime of its own; {different:.0%} of all places "
        "are held by different titles.",
        table=table,
        effect=Effect(float(different), "share of different titles", k * len(found)),
        caveat="A segment's telling titles stand for a person; few people are like their segment "
        "throughout.",
    )


def what_is_similar(recommender: Recommends, anime_id: int, k: int = 5) -> Finding:
    """What is similar to one anime, by its words, its audience, and taste?"""
    title = recommender.anime.at[anime_id, "title"]
    similar = pd.concat(recommender.similar(anime_id, k, name).assign(model=name) for name in BY)
    beside = similar.pivot_table(
        index="rank", columns="model", values="title", aggfunc="first", sort=False
    )
    shared = int(similar["anime_id"].duplicated().sum())
    return Finding(
        "similar",
        "What is similar, by content and by audience?",
        f"Most similar to {title}, by three models; {shared} of their {len(similar)} choices "
        "repeat another's.",
        table=similar,
        effect=Effect(shared / len(similar), "share of choices that repeat", len(similar)),
        caveat="There is no one likeness: each model answers another question.",
        view=beside.reset_index(),
    )


# --- following ------------------------------------------------------------------------------


def new_title(places: pd.DataFrame, reasons: Sequence[str], title: str, fan: Sequence[str]):
    """What becomes of a title that is new today? From `anirec.events.stepwise.arrival`."""
    first, last = places.iloc[0], places.iloc[-1]
    spoken = f" ({', '.join(reasons)} speak for it)" if reasons else ""
    return Finding(
        "new_title",
        "What becomes of a title that is new today?",
        f"For who likes {', '.join(fan)} it stands at place {first['place']:,} before anybody has "
        f"it{spoken}, and at {last['place']:,} once {last['lists']:,} do.",
        plots.places(
            places.assign(lists=places["lists"] + 1),
            x="lists",
            place="place",
            title=f"{title}: place {first['place']:,} while new, {last['place']:,} in the end",
            x_label="lists that have it, and one (each step multiplies)",
            y_label="place for the fan",
            log_x=True,
        ),
        places,
        Effect(float(first["place"]), "place before anybody has it", int(last["lists"])),
        "One title and one fan, in a community of the best known anime. The title was chosen "
        "because it is recommended to the fan now.",
    )


def profile_followed(steps: pd.DataFrame, lists: pd.DataFrame) -> Finding:
    """How do recommendations follow somebody's ratings? From `anirec.events.stepwise`.

    Parameters
    ----------
    steps : what `places_by_step` returns. lists : what `recommendations_by_step` returns.
    """
    changed = lists["recommended"].nunique()
    best = steps.groupby("title")["place"].min().nsmallest(MOST_LINES).index
    shown = steps[steps["title"].isin(best)].sort_values("step")
    ends = shown.groupby("title")["place"].agg(["first", "last"])
    climber = ends.loc[(ends["first"] / ends["last"]).idxmax()]
    said = (
        f" {climber.name} climbs furthest, from place {climber['first']:,} to {climber['last']:,}."
        if climber["last"] < climber["first"]
        else ""
    )
    return Finding(
        "by_step",
        "How do recommendations follow somebody's ratings, one by one?",
        f"{len(lists)} ratings one after the other make {changed} different lists of five.{said}",
        plots.places(
            shown,
            x="step",
            place="place",
            series="title",
            names=list(lists["rated"]),
            title=f"{len(lists)} ratings, {changed} different lists",
            x_label="after rating",
            y_label="place",
        ),
        lists,
        Effect(changed, "different lists", len(lists)),
        "The list is folded in anew each time; the order of the ratings does not matter to the "
        "model, only which there are.",
        view=lists,
    )
