"""Portraits of segments: what each would say of itself, and the files that others read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import ipywidgets as widgets
import numpy as np
import pandas as pd

from anirec.analysis import clustering, plots, style
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.analysis.handles import Handle
from anirec.analysis.mixture import MIXTURE_FILE
from anirec.analysis.notebook import Page
from anirec.analysis.resampling import STABLE, Resampling
from anirec.analysis.segments import Audience, unless_parted
from anirec.analysis.statistics import share_interval
from anirec.config import Paths
from anirec.files import write_table, write_text
from anirec.interactions import Interactions

TITLES_FILE = "04_titles.csv"
"""Below ``tables/``: the titles that set each segment apart."""


DISTINCT = 1.5
"""From this lift of its leading genre on a segment is distinct enough to be addressed by it."""

LIKELY = 0.1
"""A title that fewer of a segment's lists hold is none that it loves, whatever its lift."""

LEAST_JOINED = 40
"""Users who joined in a year, for a share of them to be drawn."""


@dataclass(frozen=True)
class Portrait:
    """One segment's portrait.

    Attributes
    ----------
    name : of the segment. users, share, median_entries, mean_score : its size and its lists.
    special, common : its five genres of greatest lift and of greatest share, frames as
        `clustering.genre_lifts` has them. genres : all of them.
    loved : frame ``anime_id``, ``title``, ``share``, ``overall``, ``lift``: of the titles on at
        least `LIKELY` of its lists those of greatest lift.
    typical : titles that its most typical user likes best. typical_entries : of that user's list.
    age, female : median age and share of women, of those who state them; null where fewer than
        `LEAST_JOINED` do. growth : ``year``, ``users``, ``share``, ``low``, ``high`` of those who
        joined in a year; None without dates.
    kept : how well bootstraps find it again (`resampling.Resampling.kept`); NaN where not tried.
    nearest : the segment from whose genres its own differ least.
    insight : a paragraph. advice : what to do; empty where the numbers carry none.
    """

    name: str
    users: int
    share: float
    median_entries: float
    mean_score: float
    special: pd.DataFrame
    common: pd.DataFrame
    genres: pd.DataFrame
    loved: pd.DataFrame
    typical: list[str]
    typical_entries: int
    age: float
    female: float
    growth: pd.DataFrame | None
    kept: float
    nearest: str
    insight: str = ""
    advice: str = ""


def draw_cards(
    audience: Audience | Absence,
    titles: pd.Series,
    people: pd.DataFrame | None = None,
    trials: Resampling | Absence | None = None,
) -> list[Portrait]:
    """Return each segment's card, largest segment first; none where there are no segments.

    Parameters
    ----------
    titles : by anime id.
    people : users with ``age``, ``gender`` and ``joined`` (`insights.audience`), where known.
    trials : what bootstraps say of the segments.
    """
    if isinstance(audience, Absence):
        return []
    kept = trials.kept if isinstance(trials, Resampling) else np.full(len(audience.names), np.nan)
    nearest = _nearest(audience)
    typical = _typical_users(audience)
    of_user = pd.Series(audience.segments.labels, index=audience.lists.user_ids)
    told = None if people is None else people.assign(segment=people["user_id"].map(of_user))
    cards = []
    for segment, row in audience.profiles.iterrows():
        lifts = audience.lifts[audience.lifts["segment"] == segment]
        favourites, entries = _favourites(audience.lists, typical[segment], titles)
        age, female, growth = _demography(told, segment)
        card = Portrait(
            name=row["segment"],
            users=int(row["users"]),
            share=float(row["share"]),
            median_entries=float(row["median_entries"]),
            mean_score=float(row["mean_score"]),
            special=clustering.leading_genres(lifts, 5) if len(lifts) else lifts,
            common=lifts.sort_values("share", ascending=False, kind="stable").head(5),
            genres=lifts,
            loved=_loved(audience, segment, titles),
            typical=favourites,
            typical_entries=entries,
            age=age,
            female=female,
            growth=growth,
            kept=float(kept[segment]),
            nearest=nearest[segment],
        )
        cards.append(replace(card, insight=_insight(card), advice=_advice(card)))
    return cards


def _nearest(audience: Audience) -> list[str]:
    """Return for each segment the one whose genres (or, without any, centre) are most like its."""
    if audience.lifts.empty:
        wide = audience.segments.space.centres
    else:
        wide = audience.lifts.pivot_table(index="segment", columns="genre", values="share")
        wide = wide.to_numpy()
    apart = np.linalg.norm(wide[:, None] - wide[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return [str(audience.names[place]) for place in apart.argmin(axis=1)]


def _typical_users(audience: Audience) -> np.ndarray:
    """Return the row of each segment's most typical user: of those with a telling list the one
    whose direction is nearest to the centre."""
    segments, lengths = audience.segments, audience.lists.lengths
    squared = segments.space.squared_distances(segments.components)
    short = lengths < min(clustering.TELLING, np.median(lengths))
    rows = []
    for segment in range(len(segments.sizes)):
        own = segments.labels == segment
        far = np.where(own, squared[:, segment], np.inf)
        rows.append(int(np.where(short & (own & ~short).any(), np.inf, far).argmin()))
    return np.array(rows)


def _favourites(
    lists: Interactions, row: int, titles: pd.Series, n: int = 8
) -> tuple[list[str], int]:
    """Return the titles a user scored best (of equals those rarer on lists), and their entries."""
    entries = slice(lists.indptr[row], lists.indptr[row + 1])
    columns, ratings = lists.indices[entries], np.nan_to_num(lists.ratings[entries], nan=0.0)
    holders = np.bincount(lists.indices, minlength=lists.shape[1])[columns]
    best = columns[np.lexsort((holders, -ratings))]
    named = titles.reindex(lists.anime_ids[best]).dropna()
    return [str(title) for title in named.head(n)], len(columns)


def _loved(audience: Audience, segment: int, titles: pd.Series, n: int = 5) -> pd.DataFrame:
    lists = audience.lists
    overall = np.bincount(lists.indices, minlength=lists.shape[1]) / lists.shape[0]
    own = lists.users(audience.segments.labels == segment)
    share = np.bincount(own.indices, minlength=lists.shape[1]) / max(own.shape[0], 1)
    lift = share / np.maximum(overall, 1e-9)
    best = np.argsort(-np.where(share >= LIKELY, lift, -1), kind="stable")[:n]
    best = best[share[best] >= LIKELY]
    ids = lists.anime_ids[best]
    columns = {"share": share[best], "overall": overall[best], "lift": lift[best]}
    named = titles.reindex(ids).to_numpy()
    return pd.DataFrame({"anime_id": ids, "title": named} | columns)


def _demography(
    told: pd.DataFrame | None, segment: int
) -> tuple[float, float, pd.DataFrame | None]:
    """Return median age, share of women and growth over the years in which people joined."""
    if told is None:
        return np.nan, np.nan, None
    own = told[told["segment"] == segment]
    age, gender = own["age"].dropna(), own["gender"].dropna()
    median = float(age.median()) if len(age) >= LEAST_JOINED else np.nan
    female = float((gender == "Female").mean()) if len(gender) >= LEAST_JOINED else np.nan
    known = told.dropna(subset=["joined", "segment"])
    year = pd.to_datetime(known["joined"]).dt.year
    everybody = year.value_counts().sort_index()
    everybody = everybody[everybody >= LEAST_JOINED]
    if len(everybody) < 3:
        return median, female, None
    count = year[known["segment"] == segment].value_counts().reindex(everybody.index, fill_value=0)
    low, high = share_interval(count.to_numpy(), everybody.to_numpy())
    shares = {"share": (count / everybody).to_numpy(), "low": low, "high": high}
    growth = pd.DataFrame({"year": everybody.index, "users": count.to_numpy()} | shares)
    return median, female, growth


def _insight(card: Portrait) -> str:
    """Return a paragraph: what sets a segment apart, from whom least, and how sure it is."""
    text = (
        f"{card.users:,} people, {style.percent(card.share)} of all, with "
        f"{card.median_entries:.0f} entries at the median"
    )
    if not np.isnan(card.mean_score):
        text += f" and a mean score of {card.mean_score:.1f}"
    if len(card.special):
        lead = card.special.iloc[0]
        text += (
            f". Their lists hold {lead['lift']:.1f} times as much {lead['genre']} as everybody's "
            f"({lead['share']:.0%} against {lead['overall']:.0%})"
        )
    text += f". Least distinct from {card.nearest}."
    facts = []
    if not np.isnan(card.age):
        facts.append(f"their median age is {card.age:.0f}")
    if not np.isnan(card.female):
        facts.append(f"{card.female:.0%} are women")
    if facts:
        text += f" Of those who state it, {' and '.join(facts)}."
    if card.growth is not None:
        first, last = card.growth.iloc[0], card.growth.iloc[-1]
        apart = last["low"] > first["high"] or last["high"] < first["low"]
        moved = "a change" if apart else "no clear change"
        text += (
            f" They are {first['share']:.0%} of those who joined in {first['year']:.0f} and "
            f"{last['share']:.0%} of {last['year']:.0f}: {moved}."
        )
    if not np.isnan(card.kept):
        sure = "stable" if card.kept >= STABLE else "not stable"
        text += f" Other samples of the people find it again at {card.kept:.2f} (Jaccard): {sure}."
    return text


def _advice(card: Portrait) -> str:
    """Return what programme, licensing and marketing could do; empty where it is not carried."""
    distinct = len(card.special) > 0 and card.special["lift"].iloc[0] >= DISTINCT
    if not distinct or not card.kept >= STABLE or card.loved.empty:
        return ""
    genre = card.special["genre"].iloc[0]
    loved = card.loved.dropna(subset="title")
    known = loved.sort_values("share", ascending=False, kind="stable")["title"]
    rare = loved.sort_values("overall", kind="stable")["title"]
    if loved.empty:
        return ""
    return (
        f"Programme: a block of {genre}, led by {known.iloc[0]}. Licensing: what is like "
        f"{rare.iloc[0]}, which few but they have. Marketing: address them by {genre} and by "
        f"{' or '.join(known.head(2))}."
    )


def card_finding(card: Portrait) -> Finding:
    """Return a card as a figure and the paragraph that goes with it."""
    words = card.insight if not card.advice else f"{card.insight} {card.advice}"
    loved = ", ".join(card.loved["title"].dropna())
    words += f" They love: {loved or 'nothing that one in ten has'}."
    if card.typical:
        words += (
            f" Their most typical list has {card.typical_entries} entries; best liked: "
            f"{', '.join(card.typical)}."
        )
    figure = None
    if len(card.genres):
        figure = plots.segment_card(card.genres, card.special, title=card.name, growth=card.growth)
    return Finding(card.name, f"Who is {card.name}?", words, figure)


def show_cards(page: Page, cards: Sequence[Portrait]) -> None:
    """Show every card on a notebook's page, and keep their figures."""
    for place, card in enumerate(cards, start=1):
        told = card_finding(card)
        if told.figure is not None:
            page.illustrate(f"card_{place}", told.figure, f"{card.name}: {told.answer}")


def picker(cards: Sequence[Portrait]) -> Handle | None:
    """Return the cards under a choice of the segment; None without any."""
    if not cards:
        return None
    by_name = {card.name: card for card in cards}
    control = widgets.Dropdown(options=list(by_name), description="segment")
    return Handle((control,), lambda name: card_finding(by_name[name]), card_finding(cards[0]))


def portraits(audience: Audience | Absence, cards: Sequence[Portrait]) -> Finding | Absence:
    """Which segments are there, and what would each say of itself?"""
    asks = "Which audiences are there?"
    if lack := unless_parted(audience, asks):
        return lack
    table = audience.profiles.assign(
        genres=[", ".join(card.special["genre"]) if len(card.special) else "" for card in cards],
        commonest_genres=[", ".join(card.common["genre"]) for card in cards],
        loved=[", ".join(card.loved["title"].dropna()) for card in cards],
        typical_list=[", ".join(card.typical) for card in cards],
        median_age=[card.age for card in cards],
        share_of_women=[card.female for card in cards],
        found_again=[card.kept for card in cards],
        insight=[card.insight for card in cards],
        advice=[card.advice for card in cards],
    )
    first = table.iloc[0]
    return Finding(
        "segments",
        asks,
        clustering.profile_sentence(audience.profiles, audience.lifts),
        plots.ranked_bars(
            table,
            label="segment",
            value="share",
            title=f"The largest of {len(table)} segments: {style.shortened(first['segment'], 32)}",
            value_label="share of users",
            form=style.percent,
        ),
        table,
        Effect(float(first["share"]), "share of users in the largest", int(table["users"].sum())),
        "A segment is a neighbourhood, not a species: most people are near a border.",
        formats={
            "share": "{:.1%}",
            "median_entries": "{:.0f}",
            "median_age": "{:.0f}",
            "share_of_women": "{:.0%}",
        },
    )


def keep(audience: Audience | Absence, cards: Sequence[Portrait], paths: Paths) -> None:
    """Write what others need of the segments: or, without segments, that there are none.

    ``tables/segments.parquet`` has each user's segment and shares, ``tables/segment_profiles.json``
    each segment's portrait, ``tables/segment_mixture.npz`` what gives any list its shares.
    """
    file = paths.tables / MIXTURE_FILE
    if isinstance(audience, Absence):
        told: dict[str, object] = {"segments": [], "absent": audience.because}
        frame = pd.DataFrame({"user_id": [], "segment": []})
        titles = pd.DataFrame(columns=["segment", "anime_id", "title", "share", "overall", "lift"])
        write_table(titles, paths.tables / TITLES_FILE)
        file.unlink(missing_ok=True)
    else:
        told = {"segments": [_record(card) for card in cards]}
        shares = audience.mixture.shares(audience.lists).astype(np.float32)
        frame = pd.DataFrame(shares, columns=audience.names)
        frame.insert(0, "user_id", audience.lists.user_ids)
        labels = pd.Categorical.from_codes(audience.segments.labels, audience.names)
        frame.insert(1, "segment", labels)
        audience.mixture.save(file)
    write_table(frame, paths.tables / "segments.parquet")
    text = json.dumps(told, ensure_ascii=False, indent=1)
    write_text(paths.tables / "segment_profiles.json", text + "\n")


def _record(card: Portrait) -> dict:
    """Return a card as JSON holds it: numbers that are not known are null."""
    growth = None if card.growth is None else json.loads(card.growth.to_json(orient="records"))
    return {
        "segment": card.name,
        "users": card.users,
        "share": card.share,
        "median_entries": card.median_entries,
        "mean_score": _known(card.mean_score),
        "genres_by_lift": _plain_records(card.special, "genre"),
        "genres_by_share": _plain_records(card.common, "genre"),
        "titles": _plain_records(card.loved, "anime_id", "title"),
        "typical_list": card.typical,
        "median_age": _known(card.age),
        "share_of_women": _known(card.female),
        "growth": growth,
        "found_again": _known(card.kept),
        "nearest": card.nearest,
        "insight": card.insight,
        "advice": card.advice,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _plain_records(frame: pd.DataFrame, *names: str) -> list[dict]:
    columns = frame[[*names, "share", "overall", "lift"]]
    return json.loads(columns.to_json(orient="records", double_precision=6))
