"""Portraits of segments: what each would say of itself, and the files that others read."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from anirec.analysis import clustering, plots, style
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.analysis.mixture import MIXTURE_FILE
from anirec.analysis.segments import Audience, unless_parted
from anirec.config import Paths
from anirec.files import write_table, write_text

TITLES_FILE = "04_titles.csv"
"""Below ``tables/``: the titles that set each segment apart."""


def portraits(audience: Audience | Absence) -> Finding | Absence:
    """Which segments are there, and what would each say of itself?"""
    asks = "Which audiences are there?"
    if lack := unless_parted(audience, asks):
        return lack
    table = audience.profiles.assign(
        commonest_genres=_commonest(audience), insight=_insights(audience)
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
        formats={"share": "{:.1%}", "median_entries": "{:.0f}"},
    )


def _commonest(audience: Audience, n: int = 5) -> list[str]:
    """Return each segment's genres of greatest share, as text."""
    if audience.lifts.empty:
        return [""] * len(audience.names)
    ordered = audience.lifts.sort_values("share", ascending=False, kind="stable")
    by_segment = ordered.groupby("segment")["genre"].agg(lambda names: ", ".join(names.head(n)))
    return by_segment.reindex(range(len(audience.names))).fillna("").tolist()


def _insights(audience: Audience) -> list[str]:
    """Return a paragraph for each segment: what sets it apart, from whom least, and what of it."""
    if audience.lifts.empty:
        return [""] * len(audience.names)
    wide = audience.lifts.pivot_table(index="segment", columns="genre", values="share")
    apart = np.linalg.norm(wide.to_numpy()[:, None] - wide.to_numpy()[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    leading = clustering.leading_genres(audience.lifts, 1).set_index("segment")
    words = []
    for segment, row in audience.profiles.iterrows():
        nearest = audience.names[int(apart[segment].argmin())] if len(wide) > 1 else "nobody"
        entries = row["median_entries"]
        text = f"{row['share']:.0%} of people, with {entries:.0f} entries at the median"
        if segment in leading.index:
            lead = leading.loc[segment]
            text += (
                f". Their lists hold {lead['lift']:.1f} times as much {lead['genre']} as "
                f"everybody's ({lead['share']:.0%} against {lead['overall']:.0%})"
            )
        text += f"; least distinct from {nearest}."
        if segment in leading.index and leading.loc[segment, "lift"] >= 1.5:
            text += f" Marked enough to be addressed by {leading.loc[segment, 'genre']} alone."
        elif segment in leading.index:
            text += " Not marked enough to be addressed by a genre: reach them by titles."
        words.append(text)
    return words


def keep(audience: Audience | Absence, paths: Paths) -> None:
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
        told = {"segments": _portrait_records(audience)}
        shares = audience.mixture.shares(audience.lists).astype(np.float32)
        frame = pd.DataFrame(shares, columns=audience.names)
        frame.insert(0, "user_id", audience.lists.user_ids)
        labels = pd.Categorical.from_codes(audience.segments.labels, audience.names)
        frame.insert(1, "segment", labels)
        audience.mixture.save(file)
    write_table(frame, paths.tables / "segments.parquet")
    text = json.dumps(told, ensure_ascii=False, indent=1)
    write_text(paths.tables / "segment_profiles.json", text + "\n")


def _portrait_records(audience: Audience) -> list[dict]:
    """Return each segment's portrait as JSON holds it, largest first."""
    insights = _insights(audience)
    titles = audience.titles.astype({"title": object})
    rows = []
    for segment, row in audience.profiles.iterrows():
        lifts = audience.lifts[audience.lifts["segment"] == segment]
        lead = clustering.leading_genres(lifts, 5) if len(lifts) else lifts
        rows.append(
            {
                "segment": row["segment"],
                "users": int(row["users"]),
                "share": float(row["share"]),
                "median_entries": float(row["median_entries"]),
                "mean_score": None if pd.isna(row["mean_score"]) else float(row["mean_score"]),
                "genres_by_lift": _plain_records(lead, "genre"),
                "genres_by_share": _plain_records(lifts.nlargest(5, "share"), "genre"),
                "titles": _plain_records(titles[titles["segment"] == segment], "anime_id", "title"),
                "insight": insights[segment],
            }
        )
    return rows


def _plain_records(frame: pd.DataFrame, *names: str) -> list[dict]:
    columns = frame[[*names, "share", "overall", "lift"]]
    return json.loads(columns.to_json(orient="records", double_precision=6))
