"""Item side information: tags of the anime as sparse matrices."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.titles import normalized

TITLE_WORD = re.compile(r"\w+")
LIST_COLUMNS = ("genres", "studios")
CATEGORY_COLUMNS = ("type", "source", "age_rating")


@dataclass(frozen=True)
class ItemFeatures:
    """Tags of the anime, one matrix per kind of tag.

    Attributes
    ----------
    anime_ids : (n_anime,), what the rows stand for.
    matrices : kind of tag -> CSR float32 (n_anime, n_tags) of ones; kinds a dataset lacks are
        absent.
    tags : kind of tag -> names of the columns.
    """

    anime_ids: np.ndarray
    matrices: dict[str, sparse.csr_array]
    tags: dict[str, list[str]]

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
    anime: pd.DataFrame, anime_ids: np.ndarray, item: str = "anime_id"
) -> ItemFeatures:
    """Return the tags of ``anime_ids``, in that order.

    Kinds: ``genres``, ``title_words`` (words of the romaji title), ``studios``, ``type``,
    ``source``, ``age_rating`` and ``era`` (the decade it began in). Anime that the table lacks have
    no tags; a kind of which the table holds nothing is left out.

    Parameters
    ----------
    anime : one row per anime, with the column ``item`` and any of ``title``, ``genres``,
        ``studios`` (lists), ``type``, ``source``, ``age_rating`` (text) and ``year``.
    """
    rows = anime.set_index(item).reindex(anime_ids)

    def column(name: str) -> list[object]:
        return rows[name].tolist() if name in rows else []

    tags = {"title_words": [title_words(title) for title in column("title")]}
    for name in LIST_COLUMNS:
        tags[name] = [list(v) if isinstance(v, list | np.ndarray) else [] for v in column(name)]
    for name in CATEGORY_COLUMNS:
        tags[name] = [[v] if isinstance(v, str) else [] for v in column(name)]
    tags["era"] = [[f"{int(y) // 10 * 10}s"] if pd.notna(y) else [] for y in column("year")]
    built = {kind: _matrix(lists) for kind, lists in tags.items() if any(lists)}
    return ItemFeatures(
        anime_ids=np.asarray(anime_ids),
        matrices={kind: matrix for kind, (matrix, _) in built.items()},
        tags={kind: names for kind, (_, names) in built.items()},
    )


def title_words(title: object) -> list[str]:
    """Return the distinct words of a title, normalised, without numbers and single letters."""
    if not isinstance(title, str):
        return []
    words = TITLE_WORD.findall(normalized(title))
    return list(dict.fromkeys(word for word in words if len(word) > 1 and not word.isdigit()))


def _matrix(lists: list[list[str]]) -> tuple[sparse.csr_array, list[str]]:
    """Return lists of tags as a matrix (len(lists), n_tags) of ones, and the tags, sorted."""
    distinct = [list(dict.fromkeys(tags)) for tags in lists]
    names, codes = np.unique([tag for tags in distinct for tag in tags], return_inverse=True)
    indptr = np.concatenate([[0], np.cumsum([len(tags) for tags in distinct])])
    ones = np.ones(len(codes), dtype=np.float32)
    matrix = sparse.csr_array((ones, codes, indptr), shape=(len(lists), len(names)))
    matrix.sort_indices()
    return matrix, names.tolist()
