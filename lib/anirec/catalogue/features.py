"""Item side information: tags of the anime as sparse matrices, and what is known in numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.catalogue.franchise_finding import find_franchises
from anirec.catalogue.franchises import Franchises
from anirec.catalogue.title_forms import normalized

TITLE_WORD = re.compile(r"\w+")
LIST_COLUMNS = ("genres", "studios")
CATEGORY_COLUMNS = ("type", "source", "age_rating")
NUMBER_COLUMNS = ("episodes", "duration_min", "year", "members", "score", "part")


@dataclass(frozen=True)
class ItemFeatures:
    """Tags of the anime, one matrix per kind of tag, and numbers about them.

    Attributes
    ----------
    anime_ids : (n_anime,), what the rows stand for.
    matrices : kind of tag -> CSR float32 (n_anime, n_tags) of ones; kinds a dataset lacks are
        absent.
    tags : kind of tag -> names of the columns.
    numbers : what is known in numbers -> float32 (n_anime,), NaN where unknown; those a dataset
        lacks are absent.
    """

    anime_ids: np.ndarray
    matrices: dict[str, sparse.csr_array]
    tags: dict[str, list[str]]
    numbers: dict[str, np.ndarray] = field(default_factory=dict)

    def among(self, anime_ids: np.ndarray) -> ItemFeatures:
        """Return what is known of some of the anime, in the order of ``anime_ids``."""
        place = pd.Index(self.anime_ids).get_indexer(anime_ids)
        return ItemFeatures(
            anime_ids=np.asarray(anime_ids),
            matrices={kind: matrix[place] for kind, matrix in self.matrices.items()},
            tags=self.tags,
            numbers={name: values[place] for name, values in self.numbers.items()},
        )

    def overview(self) -> pd.DataFrame:
        """Return per kind of tag how many tags there are and what share of anime has one."""
        return pd.DataFrame(
            {
                "feature": list(self.matrices),
                "tags": [matrix.shape[1] for matrix in self.matrices.values()],
                "share_with": [
                    float((np.diff(matrix.indptr) > 0).mean()) for matrix in self.matrices.values()
                ],
            }
        )


def item_features(
    anime: pd.DataFrame,
    anime_ids: np.ndarray,
    item: str = "anime_id",
    franchises: Franchises | None = None,
) -> ItemFeatures:
    """Return the tags and numbers of ``anime_ids``, in that order.

    Kinds of tags: of the romaji title ``title_words``, ``title_bigrams`` (two words in a row),
    ``title_first`` and ``title_first_two`` (the words it starts with);
    ``genres``, ``studios``, ``type``, ``source``, ``age_rating`` and ``era`` (the decade it began
    in); ``franchise`` (the ``item`` of its first part). Numbers:
    ``episodes``, ``duration_min``, ``year``, ``members``, ``score`` and ``part``, the place in the
    franchise's order of watching, from 0. Anime that the table lacks have no tags and unknown
    numbers; a kind of which the table holds nothing is left out.

    Parameters
    ----------
    anime : one row per anime, with the column ``item`` and any of ``title``, ``genres``,
        ``studios`` (lists), ``type``, ``source``, ``age_rating`` (text) and the numbers other than
        ``part``.
    franchises : those of the table (see `anirec.catalogue.read_franchises`). If None they are
        found by its titles, which takes seconds for thousands of anime; without titles there are
        none.
    """
    if franchises is None and "title" in anime:
        franchises = find_franchises(anime.rename(columns={item: "anime_id"}))
    rows = anime.set_index(item).reindex(anime_ids)
    if franchises is not None:
        rows = rows.join(_franchise_facts(franchises))

    def column(name: str) -> list[Any]:
        return rows[name].tolist() if name in rows else []

    titles = column("title")
    tags = {
        "title_words": [title_words(title) for title in titles],
        "title_bigrams": [title_bigrams(title) for title in titles],
        "title_first": [title_start(title, 1) for title in titles],
        "title_first_two": [title_start(title, 2) for title in titles],
    }
    for name in LIST_COLUMNS:
        tags[name] = [list(v) if isinstance(v, list | np.ndarray) else [] for v in column(name)]
    for name in CATEGORY_COLUMNS:
        tags[name] = [[v] if isinstance(v, str) else [] for v in column(name)]
    tags["franchise"] = [[str(first)] if pd.notna(first) else [] for first in column("franchise")]
    tags["era"] = [[f"{int(y) // 10 * 10}s"] if pd.notna(y) else [] for y in column("year")]
    built = {kind: _matrix(lists) for kind, lists in tags.items() if any(lists)}
    numbers = {name: _numbers(rows[name]) for name in NUMBER_COLUMNS if name in rows}
    return ItemFeatures(
        anime_ids=np.asarray(anime_ids),
        matrices={kind: matrix for kind, (matrix, _) in built.items()},
        tags={kind: names for kind, (_, names) in built.items()},
        numbers={name: values for name, values in numbers.items() if np.isfinite(values).any()},
    )


def _franchise_facts(franchises: Franchises) -> pd.DataFrame:
    """Return per anime ``franchise``, the first part of its own, and ``part``, its place there."""
    first = np.empty(franchises.number.max(initial=-1) + 1, dtype=object)
    begins = franchises.place == 0
    first[franchises.number[begins]] = franchises.anime_ids[begins]
    return pd.DataFrame(
        {"franchise": first[franchises.number], "part": franchises.place},
        index=franchises.anime_ids,
    )


def title_words(title: object) -> list[str]:
    """Return the distinct words of a title, normalised, without numbers and single letters."""
    return list(dict.fromkeys(w for w in _words(title) if len(w) > 1 and not w.isdigit()))


def title_bigrams(title: object) -> list[str]:
    """Return the distinct pairs of words that follow each other in a title, normalised."""
    words = _words(title)
    return list(dict.fromkeys(f"{one} {next_}" for one, next_ in pairwise(words)))


def title_start(title: object, n: int) -> list[str]:
    """Return a title's first ``n`` words, or all it has, as one tag; none for no title."""
    words = _words(title)[:n]
    return [" ".join(words)] if words else []


def _words(title: object) -> list[str]:
    return TITLE_WORD.findall(normalized(title)) if isinstance(title, str) else []


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float32, na_value=np.nan)


def _matrix(lists: list[list[str]]) -> tuple[sparse.csr_array, list[str]]:
    """Return lists of tags as a matrix (len(lists), n_tags) of ones, and the tags, sorted."""
    distinct = [list(dict.fromkeys(tags)) for tags in lists]
    names, codes = np.unique([tag for tags in distinct for tag in tags], return_inverse=True)
    indptr = np.concatenate([[0], np.cumsum([len(tags) for tags in distinct])])
    ones = np.ones(len(codes), dtype=np.float32)
    matrix = sparse.csr_array((ones, codes, indptr), shape=(len(lists), len(names)))
    matrix.sort_indices()
    return matrix, names.tolist()
