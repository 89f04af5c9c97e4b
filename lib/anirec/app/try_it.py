"""The page to try before installing: one file with the catalogue, the weights and the program.

It is opened from disk or from any static host, asks nobody for anything, and scores with
HybridEASE's strongest weights as `AnimeRecommender` would. Its program is JavaScript in
``templates/try``; what it knows is packed here:

- ``about``, JSON: the catalogue by row, and what HybridEASE needs besides its weights;
- ``counts``, uint16 (n_anime,): how many weights each row has, what having it says for others;
- ``targets``, uint8: for whom, in each row ascending, each as the difference from the one before,
  seven bits a byte, the least first, the eighth bit set where more follow;
- ``codes``, int8 (n_weights,): the weights, and ``scales``, float32 (n_anime,), of each row:
  a weight is ``scale * sign(code) * (code / 127)²``, so that small ones are told apart better;
- ``popularity``, float32 (n_anime,).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.catalogue import Catalogue
from anirec.config import Paths
from anirec.files import read_json, write_text
from anirec.models import HybridEASE, load_model
from anirec.models.item_item import strongest
from anirec.recommender import AnimeRecommender

TEMPLATE_DIR = Path(__file__).resolve().parent / "templates" / "try"
FILE_NAME = "try.html"
PROGRAM = ("recommender.js", "search.js", "page.js")

MOST_WEIGHTS = 4_000_000
"""Weights of the file, at most: about two bytes each, and a third more as text."""

LEVELS = 127
"""The codes of the greatest weights of a row, and of their negatives."""

WEIGHTS = (np.arange(-LEVELS, LEVELS + 1) / LEVELS) ** 2 * np.sign(np.arange(-LEVELS, LEVELS + 1))
"""The weight of each code as a share of the row's greatest."""

PARTS = ("counts", "targets", "codes", "scales", "popularity")


def write_page(paths: Paths) -> None:
    """Write a run's ``report/try.html``. Raises InputError where HybridEASE was not fitted."""
    catalogue = AnimeRecommender.load(paths).catalogue
    simulated = bool(read_json(paths.processed / "ingest.json").get("simulated"))
    model = load_model(paths.models / HybridEASE.NAME)
    text = page(packed(catalogue, model, paths.dataset, simulated))
    write_text(paths.report / FILE_NAME, text)


def page(data: bytes) -> str:
    """Return the page as HTML; its policy lets its own program run and nothing be asked for."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATE_DIR), autoescape=True)
    program = "\n".join(
        (TEMPLATE_DIR / name).read_text("utf-8")
        for name in ("recommender.js", "search.js", "page.js")
    )
    digest = base64.b64encode(hashlib.sha256(program.encode("utf-8")).digest()).decode()
    return environment.get_template("try.html.j2").render(
        program=program,
        digest=digest,
        style=(TEMPLATE_DIR / "try.css").read_text("utf-8"),
        data=base64.b64encode(data).decode(),
    )


def packed(catalogue: Catalogue, model: HybridEASE, dataset: str, simulated: bool = False) -> bytes:
    """Return what the page knows, compressed."""
    weights = _by_row(catalogue, model, _pruned(model))
    about = {
        "dataset": dataset,
        "simulated": simulated,
        "model": {
            "mean": float(model.scale_[0]),
            "sd": float(model.scale_[1]),
            "ratingWeight": model.setting("profile_rating_weight"),
            "unscored": model.setting("profile_unscored"),
            "meanShrinkage": model.setting("mean_shrinkage"),
        },
        "anime": _anime(catalogue, model),
    }
    codes, scales = _codes(weights)
    arrays = {
        "counts": np.diff(weights.indptr).astype(np.uint16),
        "targets": _differences(weights),
        "codes": codes,
        "scales": scales,
        "popularity": _popularity(catalogue, model),
    }
    head = json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    parts = [head, *(arrays[name].tobytes() for name in PARTS)]
    body = struct.pack(f"<{len(parts)}I", *map(len, parts)) + b"".join(parts)
    return gzip.compress(body, 9, mtime=0)


def unpacked(data: bytes, catalogue: Catalogue, model: HybridEASE) -> HybridEASE:
    """Return ``model`` with the weights that `packed` kept: what the page computes with."""
    body = gzip.decompress(data)
    n_parts = len(PARTS) + 1
    lengths = struct.unpack_from(f"<{n_parts}I", body)
    starts = struct.calcsize(f"<{n_parts}I") + np.concatenate([[0], np.cumsum(lengths)])
    part = {
        name: body[starts[place] : starts[place + 1]] for place, name in enumerate(PARTS, start=1)
    }
    counts = np.frombuffer(part["counts"], np.uint16).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    targets = _ascending(np.frombuffer(part["targets"], np.uint8), indptr)
    codes = np.frombuffer(part["codes"], np.int8).astype(np.int64)
    scales = np.repeat(np.frombuffer(part["scales"], np.float32), counts)
    values = scales * WEIGHTS.astype(np.float32)[codes + LEVELS]
    rows = np.repeat(np.arange(len(counts)), counts)
    column = _columns(catalogue, model)
    n = len(model.anime_ids_)
    by_column = sparse.csr_array((values, (column[rows], column[targets])), shape=(n, n))
    by_column.sort_indices()
    twin = HybridEASE(**model.parameters)
    twin.__dict__.update(model.__dict__)
    twin.weights_, twin.item_discount = by_column, 0.0
    return twin


def _pruned(model: HybridEASE) -> sparse.csr_array:
    """Return the model's weights, as many of the strongest as the file may hold.

    What an entry says less for being on many lists is in them.
    """
    most = max(1, MOST_WEIGHTS // len(model.anime_ids_))
    weights = strongest(model.weights_, most, np.sqrt(model.popularity_))
    return sparse.csr_array(sparse.diags_array(model.said_by_anime()) @ weights)


def _columns(catalogue: Catalogue, model: HybridEASE) -> np.ndarray:
    """Return the model's column of each row of the catalogue, -1 where it has none."""
    return pd.Index(model.anime_ids_).get_indexer(catalogue.anime.index)


def _by_row(catalogue: Catalogue, model: HybridEASE, weights: sparse.csr_array) -> sparse.csr_array:
    """Return weights by rows of the catalogue, without those that round to nothing."""
    row = np.full(len(model.anime_ids_), -1)
    columns = _columns(catalogue, model)
    row[columns[columns >= 0]] = np.flatnonzero(columns >= 0)
    triples = weights.tocoo()
    sources, targets = row[triples.row], row[triples.col]
    kept = (sources >= 0) & (targets >= 0)
    n = len(catalogue)
    found = sparse.csr_array((triples.data[kept], (sources[kept], targets[kept])), shape=(n, n))
    found.data[_codes(found)[0] == 0] = 0
    found.eliminate_zeros()
    found.sort_indices()
    return found


def _codes(weights: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Return the code of each weight, int8 (nnz,), and the scale of each row, float32."""
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    scales = np.zeros(weights.shape[0], dtype=np.float32)
    np.maximum.at(scales, rows, np.abs(weights.data))
    share = np.abs(weights.data) / np.maximum(scales[rows], np.float32(1e-30))
    codes = np.rint(LEVELS * np.sqrt(share)) * np.sign(weights.data)
    return codes.astype(np.int8), scales


def _differences(weights: sparse.csr_array) -> np.ndarray:
    """Return the column of each weight as its difference from the one before, uint8."""
    first = np.zeros(weights.nnz, dtype=bool)
    first[weights.indptr[:-1][np.diff(weights.indptr) > 0]] = True
    columns = weights.indices.astype(np.int64)
    steps = columns - np.where(first, 0, np.concatenate([[0], columns[:-1]]))
    lengths = 1 + (steps >= 1 << 7) + (steps >= 1 << 14)
    starts = np.cumsum(lengths) - lengths
    found = np.zeros(int(lengths.sum()), dtype=np.uint8)
    for place in range(3):
        has = lengths > place
        follows = np.where(lengths[has] > place + 1, 128, 0)
        found[starts[has] + place] = (steps[has] >> 7 * place & 127) | follows
    return found


def _ascending(differences: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Return the columns that `_differences` was made from, int64 (nnz,)."""
    if not len(differences):
        return np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[0], np.flatnonzero(differences < 128)[:-1] + 1])
    place = np.arange(len(differences)) - np.repeat(
        starts, np.diff(np.append(starts, len(differences)))
    )
    steps = np.add.reduceat((differences & 127).astype(np.int64) << 7 * place, starts)
    total = np.concatenate([[0], np.cumsum(steps)])
    return total[1:] - np.repeat(total[indptr[:-1]], np.diff(indptr))


def _popularity(catalogue: Catalogue, model: HybridEASE) -> np.ndarray:
    columns = _columns(catalogue, model)
    return np.where(columns >= 0, model.popularity_[columns], -1).astype(np.float32)


def _anime(catalogue: Catalogue, model: HybridEASE) -> dict[str, list]:
    """Return what the page shows and asks of each anime, a list by row for each kind."""
    anime, franchises = catalogue.anime, catalogue.franchises
    genres = [np.flatnonzero(row).tolist() for row in catalogue.genres]
    mal_ids = anime["mal_id"].astype("Int64")
    return {
        "id": [int(i) for i in anime.index],
        "malId": [None if pd.isna(i) else int(i) for i in mal_ids],
        **{
            name: [None if pd.isna(text) else str(text) for text in anime[column]]
            for name, column in (
                ("title", "title"),
                ("english", "title_english"),
                ("japanese", "title_japanese"),
                ("type", "type"),
            )
        },
        **{
            name: [None if np.isnan(v) else round(float(v), 2) for v in catalogue.numbers[kind]]
            for name, kind in (
                ("year", "years"),
                ("episodes", "episodes"),
                ("members", "members"),
                ("score", "score"),
            )
        },
        "genres": genres,
        "genreNames": list(catalogue.genre_names),
        "adult": catalogue.adult.astype(int).tolist(),
        "previous": franchises.previous.tolist(),
        "sequel": franchises.sequel.astype(int).tolist(),
    }
