"""What is said of an anime, as HTML; all text in it escaped."""

from __future__ import annotations

import base64
from html import escape

import pandas as pd

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


def names_of(row, english_first: bool = False) -> tuple[str, str]:
    """Return what an anime is called, and its other name, empty where there is none."""
    other = other_name(row)
    return (other, row.title) if english_first and other else (row.title, other)


def card_html(
    row, images: bool = False, english_first: bool = False, why: str | None = None
) -> str:
    """Return what a card says of one recommendation, all text escaped.

    Parameters
    ----------
    row : a row of `AnimeRecommender.recommend`, as `itertuples` gives it.
    images : whether its cover is shown.
    english_first : whether it is called by its English title where it has one.
    why : HTML of the details (`details_html`), empty while nobody asked for them; None where there
        are none.
    """
    cover = ""
    if images and isinstance(row.image_url, str) and row.image_url.startswith("https://"):
        cover = (
            f'<img class="anirec-cover" src="{escape(row.image_url)}" alt="" loading="lazy" '
            'referrerpolicy="no-referrer">'
        )
    name, other = names_of(row, english_first)
    second = f"<p class='anirec-english'>{escape(other)}</p>" if other else ""
    genres = "".join(f"<li>{escape(genre)}</li>" for genre in row.genres.split(", ") if genre)
    return (
        f"<article class='anirec-about'>{cover}<div class='anirec-text'>"
        f"<h3><span class='anirec-rank'>{row.rank}</span>{title_html(name, row.mal_id)}</h3>"
        f"{second}<p class='anirec-facts'>{escape(facts(row))}</p>"
        f"<ul class='anirec-genres'>{genres}</ul>{_numbers(row)}"
        f"{_because(row)}{_details(why)}</div></article>"
    )


def _numbers(row) -> str:
    said = []
    if pd.notna(row.score):
        said.append(
            f"<span class='anirec-score' title='Mean score of the community'>★ {row.score:.2f}"
            "</span>"
        )
    expected = getattr(row, "expected", None)
    if expected is not None and pd.notna(expected):
        said.append(
            "<span class='anirec-expected' title='The score you would give, as far as can be told'>"
            f"you: {expected:.1f}</span>"
        )
    said.append(_strength(row))
    return f"<p class='anirec-numbers'>{''.join(said)}</p>"


def _strength(row) -> str:
    """Return how much speaks for it: the chance that it is liked, or how well it fits."""
    chance, fit = getattr(row, "chance", None), getattr(row, "fit", None)
    if chance is not None and pd.notna(chance):
        n = round(10 * chance)
        return (
            f"<span class='anirec-match' title='Of 10 people with such a list who saw it, about "
            f"{n} liked it'>{_bar(chance)}{n} of 10 like it</span>"
        )
    if fit is not None and pd.notna(fit):
        return (
            "<span class='anirec-match' title='How strongly your list speaks for it: the best of "
            f"all is 100 %'>{_bar(fit)}fits {fit:.0%}</span>"
        )
    alike = getattr(row, "similarity", None)
    if alike is not None and pd.notna(alike):
        return f"<span class='anirec-match'>{_bar(alike)}{alike:.0%} alike</span>"
    return ""


def _bar(share: float) -> str:
    width = max(0, min(100, round(100 * share)))
    return f"<span class='anirec-line-bar'><span style='width:{width}%'></span></span>"


def _match(row) -> float | None:
    for name in ("match", "similarity"):
        value = getattr(row, name, None)
        if value is not None and pd.notna(value):
            return float(value)
    return None


def _details(why: str | None) -> str:
    if why is None:
        return ""
    inside = why or "<p class='anirec-soft'>One moment …</p>"
    return (
        f"<details class='anirec-why' data-why='1'><summary>Why exactly</summary>{inside}</details>"
    )


def _because(row) -> str:
    reason = getattr(row, "because", "")
    said = f"{reason[:1].upper()}{reason[1:]}."
    return f"<p class='anirec-because'>{escape(said)}</p>" if reason else ""


def details_html(explanation: Explanation) -> str:
    """Return all that speaks for a recommendation: the match's terms, and the ranker's."""
    tables = []
    terms = explanation.terms
    if len(terms):
        top = terms.loc[terms["contribution"].abs().nlargest(TERMS).index]
        rows = zip(top["title"], top["contribution"], top["anime_id"], strict=True)
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
        rows = zip(names, top["contribution"], [None] * len(names), strict=True)
        tables.append(
            "<p>The order among good matches comes from a ranker; what moved this one most:</p>"
            + _terms_table(rows)
        )
    return "".join(tables) or "<p class='anirec-soft'>Nothing on your list speaks for it.</p>"


def _terms_table(rows) -> str:
    cells = "".join(
        f"<tr{_of(anime_id)}><td>{escape(str(name))}</td>"
        f"<td class='anirec-number'>{value:+.3f}</td>{_switch(name, anime_id)}</tr>"
        for name, value, anime_id in rows
    )
    return f"<table>{cells}</table>"


def _of(anime_id: int | None) -> str:
    return "" if anime_id is None else f" data-anime='{int(anime_id)}'"


def _switch(name: object, anime_id: int | None) -> str:
    """Return a button that leaves a title out of account."""
    if anime_id is None:
        return ""
    return (
        "<td><button type='button' class='anirec-quiet' data-act='count' "
        f"aria-label=\"Don't count {escape(str(name))}\">Don't count this</button></td>"
    )


def recommendations_table(frame: pd.DataFrame) -> str:
    """Return recommendations (`AnimeRecommender.recommend`) as an HTML table, text escaped."""
    rows = []
    for row in frame.itertuples():
        english = f"<br>{escape(other_name(row))}" if other_name(row) else ""
        value = _match(row)
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


def match_name(row, english_first: bool = False) -> str:
    """Return what tells an anime from others of the name: ``Monster (TV, 2004)``."""
    name, other = names_of(row, english_first)
    said = [row.type] if isinstance(row.type, str) else []
    said += [f"{int(row.year)}"] if pd.notna(row.year) else []
    return f"{name}{f' · {other}' if other else ''}" + (f" ({', '.join(said)})" if said else "")
