"""What is said of an anime, as HTML; all text in it escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from html import escape

import ipywidgets as widgets
import pandas as pd

from anirec.app.controls import boxed, classed, free_layout, html_part, make_button
from anirec.recommender.reasons import Explanation

TERMS = 8
"""Terms of a match, and contributions of the ranker, shown in a card's details."""

MAL_PAGE = "https://myanimelist.net/anime/"


def facts(row) -> str:
    """Return ``TV · 2009 · 64 episodes · 24 min`` as far as it is known."""
    said = []
    if isinstance(row.type, str):
        said.append(row.type)
    if pd.notna(row.year):
        said.append(f"{int(row.year)}")
    if pd.notna(row.episodes):
        said.append("1 episode" if row.episodes == 1 else f"{int(row.episodes)} episodes")
    if pd.notna(row.duration_min):
        said.append(f"{row.duration_min:.0f} min")
    return " · ".join(said)


def other_name(row) -> str:
    """Return the English title where there is one that differs, else nothing."""
    english = row.title_english
    return english if isinstance(english, str) and english != row.title else ""


def title_html(title: str, mal_id: object = None) -> str:
    """Return a title, escaped, linked to its page on MyAnimeList if its id there is known."""
    if mal_id is None or pd.isna(mal_id):
        return escape(title)
    return (
        f'<a href="{MAL_PAGE}{int(mal_id)}" target="_blank" rel="noopener noreferrer" '
        f'title="Open on MyAnimeList">{escape(title)}</a>'
    )


def card_html(row, best: float, images: bool = False, why: str = "") -> str:
    """Return what a card says of one recommendation, all text escaped.

    Parameters
    ----------
    row : a row of `AnimeRecommender.recommend`, as `itertuples` gives it.
    best : the greatest match in the list, which fills the bar.
    images : whether its cover is shown.
    why : HTML of the details (`details_html`).
    """
    cover = ""
    if images and isinstance(row.image_url, str) and row.image_url.startswith("https://"):
        cover = (
            f'<img class="anirec-cover" src="{escape(row.image_url)}" alt="" loading="lazy" '
            'referrerpolicy="no-referrer">'
        )
    english = f"<p class='anirec-english'>{escape(other_name(row))}</p>" if other_name(row) else ""
    genres = "".join(f"<li>{escape(genre)}</li>" for genre in row.genres.split(", ") if genre)
    return (
        f"<article class='anirec-about'>{cover}<div class='anirec-text'>"
        f"<h3><span class='anirec-rank'>{row.rank}</span>{title_html(row.title, row.mal_id)}</h3>"
        f"{english}<p class='anirec-facts'>{escape(facts(row))}</p>"
        f"<ul class='anirec-genres'>{genres}</ul>{_numbers(row, best)}"
        f"{_because(row)}{why}</div></article>"
    )


def _numbers(row, best: float) -> str:
    said = []
    if pd.notna(row.score):
        said.append(f"<span title='Mean score of the community'>★ {row.score:.2f}</span>")
    expected = getattr(row, "expected", None)
    if expected is not None and pd.notna(expected):
        said.append(
            "<span class='anirec-expected' title='The score you would give, as far as can be told'>"
            f"you: {expected:.1f}</span>"
        )
    name, value = _match(row)
    if value is not None:
        share = max(0, min(100, round(100 * value / best))) if best > 0 else 0
        said.append(
            f"<span class='anirec-match' title='How strongly your list speaks for it'>"
            f"<span class='anirec-bar'><span style='width:{share}%'></span></span>"
            f"{name} {value:.2f}</span>"
        )
    return f"<p class='anirec-numbers'>{''.join(said)}</p>"


def _match(row) -> tuple[str, float | None]:
    for name in ("match", "similarity"):
        value = getattr(row, name, None)
        if value is not None and pd.notna(value):
            return name, float(value)
    return "match", None


def _because(row) -> str:
    reason = getattr(row, "because", "")
    said = f"{reason[:1].upper()}{reason[1:]}."
    return f"<p class='anirec-because'>{escape(said)}</p>" if reason else ""


def details_html(explanation: Explanation) -> str:
    """Return all that speaks for a recommendation, folded: the match's terms, the ranker's."""
    tables = []
    terms = explanation.terms
    if len(terms):
        top = terms.loc[terms["contribution"].abs().nlargest(TERMS).index]
        rows = zip(top["title"], top["contribution"], strict=True)
        said = f"The match {explanation.match:.2f} is the sum of what each title of your list adds:"
        left = len(terms) - len(top)
        rest = f"<p class='anirec-soft'>and {left} smaller terms</p>" if left > 0 else ""
        tables.append(f"<p>{said}</p>{_terms_table(rows)}{rest}")
    if explanation.ranker is not None and len(explanation.ranker):
        ranker = explanation.ranker
        top = ranker.loc[ranker["contribution"].abs().nlargest(TERMS).index]
        names = [
            group if group == name else f"{group}: {name.replace('_', ' ')}"
            for group, name in zip(top["group"], top["feature"], strict=True)
        ]
        rows = zip(names, top["contribution"], strict=True)
        tables.append(
            "<p>The order among good matches comes from a ranker; what moved this one most:</p>"
            + _terms_table(rows)
        )
    if not tables:
        return ""
    return f"<details class='anirec-why'><summary>Why exactly</summary>{''.join(tables)}</details>"


def _terms_table(rows) -> str:
    cells = "".join(
        f"<tr><td>{escape(str(name))}</td><td class='anirec-number'>{value:+.3f}</td></tr>"
        for name, value in rows
    )
    return f"<table>{cells}</table>"


def recommendations_table(frame: pd.DataFrame) -> str:
    """Return recommendations (`AnimeRecommender.recommend`) as an HTML table, text escaped."""
    rows = []
    for row in frame.itertuples():
        english = f"<br>{escape(other_name(row))}" if other_name(row) else ""
        _, value = _match(row)
        rows.append(
            f"<tr><td>{row.rank}</td><td><strong>{escape(row.title)}</strong>{english}</td>"
            f"<td>{escape(facts(row))}</td><td>{escape(row.genres)}</td>"
            f"<td>{'' if value is None else f'{value:.2f}'}</td>"
            f"<td>{escape(getattr(row, 'because', ''))}</td></tr>"
        )
    names = ("", "Title", "", "Genres", "Match", "Why")
    header = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def download_link(text: str, name: str, content: bytes, kind: str) -> str:
    """Return a link that saves ``content``, carried in the link itself, as a file."""
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<a class="anirec-download" download="{escape(name)}" '
        f'href="data:{kind};base64,{data}">{escape(text)}</a>'
    )


class Card(widgets.Box):
    """One recommendation with what can be done about it. Cards are reused: `show` fills them."""

    def __init__(self, box) -> None:
        self.anime_id = 0
        self.about = html_part("", "anirec-about-box")
        actions = [
            ("✓ Seen it", "Put it on your list as watched", box.seen),
            ("✕ Not for me", "Never recommend it, and less like it", box.not_for_me),
            ("+ Add", "Put it on your list as planned", box.plan),
            ("Similar", "Show what is most similar", box.more_like),
        ]
        buttons = [
            make_button(text, partial(self._act, action), "anirec-action", tooltip=tooltip)
            for text, tooltip, action in actions
        ]
        super().__init__([self.about, boxed(buttons, "anirec-actions")], layout=free_layout())
        classed(self, "anirec-card")

    def _act(self, action: Callable[[int], None]) -> None:
        action(self.anime_id)

    def show(self, anime_id: int, html: str) -> None:
        self.anime_id = anime_id
        self.about.value = html


def best_match(frame: pd.DataFrame) -> float:
    for name in ("match", "similarity"):
        if name in frame and len(frame):
            return float(frame[name].max())
    return 0.0


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def match_name(row) -> str:
    english = f" · {other_name(row)}" if other_name(row) else ""
    said = [v for v in (row.type if isinstance(row.type, str) else "",) if v]
    said += [f"{int(row.year)}"] if pd.notna(row.year) else []
    return f"{row.title}{english}" + (f" ({', '.join(said)})" if said else "")


def imported_html(text: str, problems: list[str]) -> str:
    """Return what an import found, its problems folded."""
    said = f"<p class='anirec-note' role='status'>{escape(text)}</p>"
    if not problems:
        return said
    lines = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    count = "1 line" if len(problems) == 1 else f"{len(problems)} lines"
    return f"{said}<details><summary>{count} to look at</summary><ul>{lines}</ul></details>"
