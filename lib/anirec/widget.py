"""The recommendation box for notebooks and the page: ipywidgets around `AnimeRecommender`."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets
import pandas as pd

from anirec.config import InputError
from anirec.recommender import AnimeRecommender

RATINGS = [("not rated", None), *((str(rating), float(rating)) for rating in range(10, 0, -1))]


class RecommenderBox(widgets.VBox):
    """Type a title, pick it, get recommendations; rate or remove what was picked.

    Parameters
    ----------
    recommender : what searches and recommends.
    k : how many recommendations are shown.

    Attributes
    ----------
    profile : dict
        Rating by anime id of the titles picked so far, None where not rated.
    """

    def __init__(self, recommender: AnimeRecommender, k: int = 10) -> None:
        self.recommender = recommender
        self.k = k
        self.profile: dict[int, float | None] = {}
        wide = widgets.Layout(width="100%", max_width="42rem")
        self.search = widgets.Text(
            placeholder="Type an anime you like", continuous_update=True, layout=wide
        )
        self.search.add_class("anirec-search")
        self.matches = widgets.Select(options=[], value=None, rows=6, layout=wide)
        self.picked = widgets.VBox([])
        self.message = widgets.HTML()
        self.results = widgets.HTML()
        self.search.observe(self._search, names="value")
        self.matches.observe(self._pick, names="value")
        super().__init__([self.search, self.matches, self.picked, self.message, self.results])
        self._show_matches([])
        self._refresh()

    def add(self, anime_id: int, rating: float | None = None) -> None:
        """Put an anime on the list and recommend anew."""
        self.profile[anime_id] = rating
        self._refresh()

    def remove(self, anime_id: int) -> None:
        """Take an anime off the list and recommend anew."""
        del self.profile[anime_id]
        self._refresh()

    def _search(self, change: dict) -> None:
        found = self.recommender.search(change["new"], limit=8) if change["new"].strip() else None
        rows = [] if found is None else list(found.itertuples())
        self._show_matches([(_name(row), int(row.anime_id)) for row in rows])

    def _show_matches(self, options: list[tuple[str, int]]) -> None:
        self.matches.index = None  # before the options: ipywidgets would select the first one
        self.matches.options = options
        self.matches.index = None
        self.matches.layout.display = None if options else "none"

    def _pick(self, change: dict) -> None:
        if change["new"] is not None:
            anime_id = change["new"]
            self._show_matches([])
            self.search.value = ""
            self.add(anime_id)

    def _refresh(self) -> None:
        self.picked.children = [self._picked_row(anime_id) for anime_id in self.profile]
        try:
            frame = self.recommender.recommend(self.profile, k=self.k) if self.profile else None
        except InputError as error:
            self.message.value = f"<p>{escape(str(error))}</p>"
            self.results.value = ""
        else:
            self.message.value = "" if self.profile else "<p>Add a title to begin.</p>"
            self.results.value = "" if frame is None else recommendations_table(frame)

    def _picked_row(self, anime_id: int) -> widgets.HBox:
        title = self.recommender.anime.at[anime_id, "title"]
        name = widgets.Label(title, layout=widgets.Layout(width="22rem"))
        rating = widgets.Dropdown(
            options=RATINGS, value=self.profile[anime_id], layout=widgets.Layout(width="7rem")
        )
        rating.observe(lambda change: self.add(anime_id, change["new"]), names="value")
        remove = widgets.Button(
            description="Remove", tooltip=f"Remove {title}", layout=widgets.Layout(width="6rem")
        )
        remove.on_click(lambda _: self.remove(anime_id))
        return widgets.HBox([name, rating, remove])


def _name(row) -> str:
    english = row.title_english
    other = f" · {english}" if isinstance(english, str) and english != row.title else ""
    year = f" ({row.year})" if pd.notna(row.year) else ""
    return f"{row.title}{other}{year}"


def recommendations_table(frame: pd.DataFrame) -> str:
    """Return recommendations (`AnimeRecommender.recommend`) as an HTML table, text escaped."""
    rows = []
    for row in frame.itertuples():
        episodes = f"{row.episodes} ep" if pd.notna(row.episodes) else None
        facts = [str(v) for v in (row.type, row.year, episodes) if v is not None and pd.notna(v)]
        reason = getattr(row, "because", "")
        rows.append(
            f"<tr><td>{row.rank}</td>"
            f"<td><strong>{escape(row.title)}</strong>{_english(row)}</td>"
            f"<td>{escape(' · '.join(facts))}</td><td>{escape(row.genres)}</td>"
            f"<td>{row.match:.2f}</td><td>{escape(reason)}</td></tr>"
        )
    names = ("", "Title", "", "Genres", "Match", "Because you like")
    header = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _english(row) -> str:
    if not isinstance(row.title_english, str) or row.title_english == row.title:
        return ""
    return f"<br>{escape(row.title_english)}"
