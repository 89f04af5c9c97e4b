"""The tools below the list: what the open one shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anirec.app import list_panel
from anirec.profiles import Place

ACCEPT = ".xml,.gz,.zip,.csv,.tsv,.txt,.json"
"""The files that a browser offers first where a list is asked for."""


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes
    ----------
    label : what it is called.
    values : returns what its template shows of a `RecommenderBox`.
    """

    label: str
    values: Callable[..., dict[str, object]]


def _filters(box) -> dict[str, object]:
    return {
        "filters": box.filter_panel.shown(),
        "models": box.recommender.fitted,
        "model": box.shelf.model,
    }


def _lists(box) -> dict[str, object]:
    session, page, profile = box.session, box.page, box.profile
    asks = page is not None and page.learns and session.place == Place.ADDRESS
    switch = "Hide" if page is not None and page.images else "Show"
    covers = bool(box.recommender.anime["image_url"].notna().any())
    return {
        "accept": ACCEPT,
        "place_text": list_panel.WHERE[session.place],
        "names": session.names() if session.named and session.store else None,
        "list_name": session.name or "",
        "links": list_panel.saved_links(profile, box.recommender.catalogue, box.shown),
        "asked_delete": box.asked_delete,
        "sites": list_panel.BY_NAME if box.asks_sites else [],
        "missing": list_panel.missing_names(profile),
        "missing_text": list_panel.missing_text(profile),
        "english": box.english,
        "toggle_images": page.toggle_images if page and covers else "",
        "toggle_text": f"{switch} cover images (asks MyAnimeList's image server)",
        "images": box.images if page is None and covers else None,
        "teach": session.teaches if asks else None,
    }


def _knows(box) -> dict[str, object]:
    return {"knows": box.recommender.knowledge(box.profile).text, "taste": box.taste}


def _where(box) -> dict[str, object]:
    return {"where": box.found_where}


def _group(box) -> dict[str, object]:
    named = box.session.named and box.session.store is not None
    return {
        "accept": ACCEPT,
        "friends": box.shelf.friends_names,
        "group_label": "Or a list kept here, by its name" if named else "Or a list's address",
        "rewatch": box.shelf.rewatch,
    }


TOOLS = {
    "filters": Tool("Filters", _filters),
    "lists": Tool("Import and save", _lists),
    "knows": Tool("How well it knows you", _knows),
    "where": Tool("Where is …?", _where),
    "group": Tool("For two or more", _group),
}
"""The tools by name, in the order in which they are offered."""
