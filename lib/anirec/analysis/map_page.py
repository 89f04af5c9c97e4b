"""The anime map as a page: one file that works offline, with all anime and a program to see them.

What it knows is JSON, compressed: columns of the catalogue, places, clusters, nearest anime. Its
program is JavaScript in ``templates/map``; its policy lets that run and nothing be asked for.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.analysis.anime_map import AnimeMap
from anirec.analysis.finding import Absence
from anirec.analysis.style import TOL_MUTED, cycled
from anirec.config import Paths
from anirec.files import write_text

TEMPLATE_DIR = Path(__file__).resolve().parent / "templates" / "map"

MAP_FILE = "anime_map.html"
"""Below a run's ``report/``."""

STEPS = 4095
"""Places are whole numbers from 0 to this: finer than any screen shows."""


def write_map(flat: AnimeMap | Absence, paths: Paths, simulated: bool = False) -> Path | None:
    """Write a run's ``report/anime_map.html`` and return it; without a map none is left there."""
    file = paths.report / MAP_FILE
    if isinstance(flat, Absence):
        file.unlink(missing_ok=True)
        return None
    write_text(file, map_page(flat, paths.dataset, simulated))
    return file


def map_page(flat: AnimeMap, dataset: str, simulated: bool = False) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, FileSystemLoader

    content = json.dumps(_told(flat, dataset, simulated), ensure_ascii=False, separators=(",", ":"))
    packed = gzip.compress(content.encode("utf-8"), 9, mtime=0)
    program = (TEMPLATE_DIR / "map.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(program.encode("utf-8")).digest()).decode()
    environment = Environment(loader=FileSystemLoader(TEMPLATE_DIR), autoescape=True)
    return environment.get_template("map.html.j2").render(
        program=program,
        digest=digest,
        style=(TEMPLATE_DIR / "map.css").read_text("utf-8"),
        data=base64.b64encode(packed).decode(),
        n_anime=f"{len(flat.anime):,}",
        dataset=dataset,
        simulated=simulated,
    )


def _told(flat: AnimeMap, dataset: str, simulated: bool) -> dict:
    """Return what the page knows, a list by row for each thing known of an anime."""
    anime = flat.anime
    places = np.rint(flat.at * STEPS).astype(int)

    def words(column: str) -> list[str | None]:
        return [None if pd.isna(value) else str(value) for value in anime[column]]

    def whole(column: str) -> list[int | None]:
        return [None if pd.isna(value) else int(value) for value in anime[column]]

    return {
        "dataset": dataset,
        "simulated": simulated,
        "steps": STEPS,
        "kinds": flat.names,
        "colours": cycled(TOL_MUTED, len(flat.names)),
        "title": words("title"),
        "english": words("title_english"),
        "type": words("type"),
        "year": whole("year"),
        "members": whole("members"),
        "score": [None if pd.isna(v) else round(float(v), 2) for v in anime["score"]],
        "kind": flat.labels.tolist(),
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "near": flat.nearest.tolist(),
    }
