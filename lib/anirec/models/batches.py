"""Lists in batches of similar length, padded to the longest: for what works on whole arrays."""

from __future__ import annotations

import numpy as np

from anirec.interactions import Interactions


def similar_lengths(lists: Interactions, marked: np.ndarray | None, size: int) -> list[np.ndarray]:
    """Part users into batches of lists of similar length, to be padded to the longest.

    Parameters
    ----------
    marked : bool (nnz,): users without any such entry are left out. None: all are taken.
    size : the greatest number of entries of a batch, padding included; one list may be longer.

    Returns
    -------
    rows of each batch, longest lists first.
    """
    lengths = lists.lengths
    order = np.argsort(-lengths, kind="stable")
    if marked is not None:
        has = np.bincount(lists.rows[marked], minlength=len(lengths)) > 0
        order = order[has[order]]
    batches, start = [], 0
    while start < len(order):
        stop = start + max(1, size // max(1, lengths[order[start]]))
        batches.append(order[start:stop])
        start = stop
    return batches


def padded(lists: Interactions, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the entries of some lists, and which are no padding.

    Both are (len(rows), longest list); padding repeats the first entry of all.
    """
    lengths = lists.lengths[rows]
    steps = np.arange(lengths.max(initial=0))
    listed = steps < lengths[:, None]
    return np.where(listed, lists.indptr[rows][:, None] + steps, 0), listed
