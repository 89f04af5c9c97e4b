"""HybridEASE kept as the sums it is solved from, so that it follows lists as they change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import scipy.linalg
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions, positions
from anirec.models.base import Model, copied
from anirec.models.csr import changed_columns
from anirec.models.hybrid_ease import OWN, HybridEASE, borrowed_shares
from anirec.models.snapshot import read_snapshot, write_snapshot
from anirec.models.sums import mirrored
from anirec.partitions import Lists

ROOM = 256
"""Columns kept free for anime to come: only when they are used up are the matrices copied."""

BLOCK = 128
"""Rows of a matrix worked on at once."""

CHUNK = 20_000_000
"""Products of entries that are summed at once: bounds the sparse intermediate."""

SOLVE_COST = 1.7
"""What n³ operations of a solve take in operations of a product of matrices."""

SLACK = 1.5
"""Weights per anime that stand above its threshold, as a multiple of those kept."""

PROBES = 8
"""Columns of the inverse whose error is measured."""

WORST_DRIFT = 2e-5
"""The greatest error of a weight that is put up with before the sums are solved anew."""


class HybridSums:
    """The sums that a `HybridEASE` is solved from, and its inverse, kept up with changed lists.

    What a list adds to the Gram matrix is known, so it can be taken out and another put in.
    The inverse follows by Woodbury's formula: a change of the lists touches the rows and columns of
    their anime only, so its rank is the number of these (which includes the diagonal penalty that
    dropout lets follow them). Where a new solve of the sums costs less, they are solved. An anime
    that comes to be, or ceases to be, on enough lists enters or leaves the system by the inverse of
    a bordered matrix.

    What depends on everybody is frozen: mean and standard deviation of the ratings and the median
    length stay those of the lists begun with, until it is begun anew (`begin`). With them frozen
    the model equals one fitted to the lists as they are.

    Sums over lists are float64; only the Gram matrix and its inverse, which are sums of products
    of order one, are float32 and mapped from the files of a snapshot: pages that change are copied,
    so that a snapshot is never touched.

    Attributes
    ----------
    settings : the model whose settings and frozen constants hold; it has no weights.
    anime_ids : (n_anime,), in the order in which they came.
    n_users : lists in the sums.
    counts, squares : float64 (n_anime,), entries per anime, and the sums of their squared values.
    gram, inverse : float32 (room, room), of which the first n_anime rows and columns are used;
        the inverse is zero where an anime is on too few lists for weights of its own.
    warm : bool (n_anime,), the anime that are in the system.
    n_updates : low-rank updates since the last solve.
    """

    def __init__(
        self,
        settings: HybridEASE,
        usual_length: float,
        n_users: int,
        n_updates: int,
        arrays: dict[str, np.ndarray],
        tags: sparse.csr_array,
    ) -> None:
        self.settings = settings
        self.usual_length = usual_length
        self.n_users = n_users
        self.n_updates = n_updates
        self.anime_ids = arrays["anime_ids"]
        self.counts, self.squares = arrays["counts"], arrays["squares"]
        self.gram, self.inverse = arrays["gram"], arrays["inverse"]
        self.warm, self.members = arrays["warm"], arrays["members"]
        self._thresholds = arrays["thresholds"]
        self.tags = tags
        self._shares: sparse.csr_array | None = None

    @classmethod
    def begin(
        cls,
        model: HybridEASE,
        lists: Lists,
        features: ItemFeatures | None = None,
        constants: tuple[np.ndarray, float] | None = None,
    ) -> Self:
        """Sum some lists up and solve them, with the settings of a model, fitted or not.

        ``constants`` are those of the lists unless given: see `HybridEASE.constants`.
        """
        if model.open_settings and not model.chosen_:
            model = copied(model)
            model.chosen_ = model.choose(lists, features)
        settings = model.settled()
        settings.scale_, usual_length = constants or settings.constants(lists)
        n, room = lists.shape[1], lists.shape[1] + ROOM
        known = features.numbers.get("members") if features is not None else None
        members = np.full(n, np.nan, np.float32) if known is None else known.astype(np.float32)
        arrays = {
            "anime_ids": lists.anime_ids.copy(),
            "counts": np.zeros(n),
            "squares": np.zeros(n),
            "gram": np.zeros((room, room), np.float32),
            "inverse": np.zeros((room, room), np.float32),
            "warm": np.zeros(n, dtype=bool),
            "members": members,
            "thresholds": np.zeros(n, np.float32),
        }
        tags = settings.tag_rows(features, n)
        state = cls(settings, usual_length, 0, 0, arrays, tags)
        total = lists.total(settings.gram_sums(np.ones(n, dtype=bool), usual_length))
        state.gram[:n, :n] = mirrored(total["gram"])
        state.counts, state.squares = lists.figures.counts.astype(np.float64), total["squares"]
        state.n_users = lists.shape[0]
        state.solve()
        return state

    # --- following

    @property
    def n_anime(self) -> int:
        return len(self.anime_ids)

    @property
    def sorted_ids(self) -> np.ndarray:
        """The ids ascending: the columns of lists passed in, and of `model`."""
        return np.sort(self.anime_ids)

    def partial_fit(self, added: Interactions | None, removed: Interactions | None) -> str:
        """Take lists out and put others in; a changed list is in both, as it is and as it was.

        Returns
        -------
        "low rank" or "solve", whichever was cheaper; "nothing" if there was nothing to do.

        Raises
        ------
        InputError
            If the lists are of other anime: encode them with `sorted_ids`.
        """
        changes = [
            (lists, sign) for lists, sign in ((removed, -1), (added, 1)) if lists is not None
        ]
        changes = [(lists.users(lists.lengths > 0), sign) for lists, sign in changes]
        changes = [(lists, sign) for lists, sign in changes if lists.nnz]
        if not changes:
            return "nothing"
        touched = np.zeros(self.n_anime, dtype=bool)
        for lists, _ in changes:
            if not np.array_equal(lists.anime_ids, self.sorted_ids):
                raise InputError("the lists are of other anime than the sums: encode them anew")
            touched[self._order()[lists.indices]] = True
        before = self.squares.copy()
        differences = [self._sum(lists, sign) for lists, sign in changes]
        warm = self.settings.warm(self.counts, self.tags)
        stay = np.flatnonzero(touched & warm & self.warm)
        flips = int((warm != self.warm).sum())
        if not self._is_low_rank(len(stay) + 2 * flips):
            self.solve()
            return "solve"
        self._leave(np.flatnonzero(self.warm & ~warm))
        change = np.zeros((len(stay), len(stay)))
        for values, sign in differences:
            some = values[:, stay].astype(np.float64)
            change += sign * (some.T @ some).toarray()
        np.fill_diagonal(change, change.diagonal() + self._penalty_of(self.squares - before)[stay])
        self._change(stay, change)
        self._enter(np.flatnonzero(warm & ~self.warm))
        return "low rank"

    def follow_catalogue(self, features: ItemFeatures) -> str:
        """Take in the tags and numbers of the anime as they are now, and anime that are new.

        ``features.anime_ids`` must hold all anime known so far. Tags count by how many anime have
        them, so that a new one changes the rows of its tags: of each changed row the old is taken
        out and the new put in. Returns what `partial_fit` does.

        Raises
        ------
        InputError
            If an anime that is known is not among them.
        """
        if not np.isin(self.anime_ids, features.anime_ids).all():
            raise InputError("the catalogue lacks anime that are on lists: ingest it anew")
        fresh = np.setdiff1d(features.anime_ids, self.anime_ids)
        self._extend(fresh)
        places = positions(features.anime_ids, self.anime_ids)[0]
        if (members := features.numbers.get("members")) is not None:
            self.members = members[places].astype(np.float32)
        old, tags = self.tags, self.settings.tag_rows(features, len(features.anime_ids))[places]
        gone, come = changed_columns(old, tags)
        self.tags, self._shares = sparse.csr_array(tags), None
        warm = self.settings.warm(self.counts, self.tags)
        flips = int((warm != self.warm).sum())
        rank = gone.shape[1] + come.shape[1]
        if not rank and not flips:
            return "nothing"
        if not self._is_low_rank(2 * rank + 2 * flips):
            self.solve()
            return "solve"
        self._leave(np.flatnonzero(self.warm & ~warm))
        rows = sparse.hstack([gone, come]).toarray().T.astype(np.float32)
        rows[:, ~self.warm] = 0
        signs = np.repeat([-1.0, 1.0], [gone.shape[1], come.shape[1]])
        said = rows @ self.inverse[: self.n_anime, : self.n_anime]
        inner = said.astype(np.float64) @ rows.T
        self._subtract(said, np.linalg.solve(np.eye(rank) + signs[:, None] * inner, np.diag(signs)))
        self._enter(np.flatnonzero(warm & ~self.warm))
        return "low rank"

    def solve(self) -> None:
        """Make the inverse anew from the sums."""
        self.warm = self.settings.warm(self.counts, self.tags)
        inside = np.flatnonzero(self.warm)
        m, room = len(inside), len(self.inverse)
        self.inverse = np.empty((room, room), np.float32)
        # The system is solved at the front of the memory that the inverse is spread over.
        packed = self.inverse.reshape(-1)[: m * m].reshape(m, m)
        for start in range(0, m, BLOCK):
            rows = inside[start : start + BLOCK]
            packed[start : start + BLOCK] = self._system(rows)[:, inside]
        try:
            # Symmetric, so its transpose is the same in Fortran order: solved in place.
            solved = scipy.linalg.inv(
                packed.T, overwrite_a=True, assume_a="pos", check_finite=False
            )
        except np.linalg.LinAlgError:
            raise InputError("the Gram matrix is not positive definite: raise l2") from None
        if not np.shares_memory(solved, packed):
            packed[:] = solved
        self._spread(packed, inside)
        self.n_updates, self._shares = 0, None

    def drift(self, seed: int = 0) -> float:
        """Return the greatest error of a weight, measured at some columns of the inverse.

        With ``H`` the system that the sums make, a column ``p`` of its inverse leaves the residual
        ``H p − e``; ``P (H p − e)`` is its error to first order, and divided by the diagonal that
        of the weights.
        """
        n, inside = self.n_anime, np.flatnonzero(self.warm)
        drawn = np.random.default_rng(seed).permutation(inside)[:PROBES]
        columns = np.array(self.inverse[drawn, :n], dtype=np.float64).T
        residual = self._times(columns)
        residual[drawn, np.arange(len(drawn))] -= 1
        errors = self.inverse[:n, :n] @ residual.astype(np.float32)
        return float(np.abs(errors / self.inverse[drawn, drawn]).max(initial=0))

    def _times(self, columns: np.ndarray) -> np.ndarray:
        """Return the system times some columns, which are zero outside it, (n_anime, k)."""
        n = self.n_anime
        product = np.empty_like(columns)
        narrow = columns.astype(np.float32)
        for start in range(0, n, BLOCK):
            here = slice(start, min(start + BLOCK, n))
            product[here] = self.gram[here, :n] @ narrow
        # The diagonal of the sums is kept in float64.
        own = self.squares - self.gram.diagonal()[:n] + self._penalty()
        product += own[:, None] * columns + self.tags @ (self.tags.T @ columns)
        product[~self.warm] = 0
        return product

    # --- sums

    def _order(self) -> np.ndarray:
        """Return the column here of each of `sorted_ids`."""
        return np.argsort(self.anime_ids, kind="stable")

    def _count(self, lists: Interactions, sign: int) -> tuple[sparse.csr_array, int]:
        """Add lists to all sums but the Gram matrix, or with ``sign`` -1 take them out; return
        their values in the columns here, CSR (n_users, n_anime), and the sign."""
        columns = self._order()[lists.indices]
        values = self.settings.learned_values(lists, self.usual_length)
        shape = lists.shape[0], self.n_anime
        matrix = sparse.csr_array((values, columns, lists.indptr), shape=shape)
        matrix.sort_indices()
        squared = values.astype(np.float64) ** 2
        self.counts += sign * np.bincount(columns, minlength=self.n_anime)
        self.squares += sign * np.bincount(columns, squared, self.n_anime)
        self.n_users += sign * lists.shape[0]
        return matrix, sign

    def _sum(self, lists: Interactions, sign: int) -> tuple[sparse.csr_array, int]:
        """Add lists to all sums, or take them out; return what `_count` does."""
        matrix, _ = self._count(lists, sign)
        for rows in _chunks(lists.lengths):
            part = matrix[rows]
            product = sparse.csr_array(part.T @ part)
            for row in np.flatnonzero(np.diff(product.indptr)):
                here = slice(*product.indptr[row : row + 2])
                self.gram[row, product.indices[here]] += sign * product.data[here]
        return matrix, sign

    def _penalty_of(self, squares: np.ndarray) -> np.ndarray:
        dropout = self.settings.setting("dropout")
        return dropout / (1 - dropout) * squares

    def _penalty(self) -> np.ndarray:
        return self.settings.penalty(self.squares)

    def _system(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of the system of all anime, float32 (len(rows), n_anime)."""
        system = self.gram[rows, : self.n_anime] + (self.tags[rows] @ self.tags.T).toarray()
        diagonal = np.asarray(self.tags[rows].power(2).sum(axis=1)) + self.squares[rows]
        system[np.arange(len(rows)), rows] = diagonal + self._penalty()[rows]
        return system

    def _extend(self, fresh: np.ndarray) -> None:
        """Append anime that nobody has yet."""
        n, k = self.n_anime, len(fresh)
        if not k:
            return
        if n + k > len(self.gram):
            room = n + k + ROOM
            for name in ("gram", "inverse"):
                grown = np.zeros((room, room), np.float32)
                grown[:n, :n] = getattr(self, name)[:n, :n]
                setattr(self, name, grown)
        self.anime_ids = np.concatenate([self.anime_ids, fresh.astype(self.anime_ids.dtype)])
        self.counts = np.concatenate([self.counts, np.zeros(k)])
        self.squares = np.concatenate([self.squares, np.zeros(k)])
        self.warm = np.concatenate([self.warm, np.zeros(k, dtype=bool)])
        self.members = np.concatenate([self.members, np.full(k, np.nan, np.float32)])
        self._thresholds = np.concatenate([self._thresholds, np.zeros(k, np.float32)])
        nothing = sparse.csr_array((k, self.tags.shape[1]), dtype=np.float32)
        self.tags = sparse.csr_array(sparse.vstack([self.tags, nothing], format="csr"))
        self._shares = None

    # --- the inverse

    def _is_low_rank(self, rank: int) -> bool:
        """Return whether an update of that rank costs less than a solve, in operations."""
        n, m = self.n_anime, int(self.warm.sum())
        return 2 * n**2 * rank + 2 * n * rank**2 + 5 * rank**3 < SOLVE_COST * m**3

    def _change(self, where: np.ndarray, change: np.ndarray) -> None:
        """Let the inverse follow ``change``, float64 (k, k), at the columns ``where``.

        ``P ← P − P_T B (I + P_TT B)⁻¹ P_Tᵀ``: Woodbury's formula, for any symmetric B.
        """
        if len(where):
            rows = self.inverse[where, : self.n_anime]
            inner = np.eye(len(where)) + change @ rows[:, where].astype(np.float64)
            self._subtract(rows, np.linalg.solve(inner, change))

    def _enter(self, which: np.ndarray) -> None:
        """Take anime into the system: the inverse of the bordered matrix."""
        if not len(which):
            return
        n = self.n_anime
        system = self._system(which)
        corner = system[:, which].astype(np.float64)
        system[:, ~self.warm] = 0
        rows = system @ self.inverse[:n, :n]
        core = np.linalg.inv(corner - rows.astype(np.float64) @ system.T)
        rows[np.arange(len(which)), which] = -1
        self._subtract(rows, -core)
        self.warm[which] = True
        self._shares = None

    def _leave(self, which: np.ndarray) -> None:
        """Take anime out of the system."""
        if not len(which):
            return
        rows = self.inverse[which, : self.n_anime]
        self._subtract(rows, np.linalg.inv(rows[:, which].astype(np.float64)))
        self.inverse[which] = 0
        self.inverse[:, which] = 0
        self.warm[which] = False
        self._shares = None

    def _subtract(self, rows: np.ndarray, core: np.ndarray) -> None:
        """Take ``rowsᵀ core rows`` off the inverse; rows are (k, n_anime)."""
        n = self.n_anime
        weighted = ((core + core.T) / 2).astype(np.float32) @ rows
        for start in range(0, n, BLOCK):
            here = slice(start, min(start + BLOCK, n))
            self.inverse[here, :n] -= rows[:, here].T @ weighted
        self.n_updates += 1

    def _spread(self, packed: np.ndarray, inside: np.ndarray) -> None:
        """Move the inverse of the system from the front of its memory to its rows and columns."""
        for place in range(len(inside) - 1, -1, -1):
            row = packed[place].copy()
            at = inside[place]
            # Rows go down in memory only: none is overwritten before it was moved.
            self.inverse[at + 1 : inside[place + 1] if place + 1 < len(inside) else None] = 0
            self.inverse[at] = 0
            self.inverse[at, inside] = row
        self.inverse[: inside[0] if len(inside) else None] = 0

    # --- what is served

    def model(self) -> HybridEASE:
        """Return the model as it is now, fitted, its columns being `sorted_ids`.

        Its weights are those that fitting prunes to; those of an anime on too few lists are
        borrowed, as in fitting.
        """
        order = self._order()
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        model = type(self.settings)(**self.settings.parameters)
        model.scale_ = self.settings.scale_.copy()
        precision = self.inverse.diagonal()[: self.n_anime].copy()
        precision[~self.warm] = precision[self.warm].max(initial=0)
        model.precision_ = precision[order]
        counts = self.counts[order]
        model.popularity_ = (counts / max(self.n_users, 1)).astype(np.float32)
        model.anime_ids_ = self.anime_ids[order]
        sources, targets, values = zip(*self._kept(), strict=True)
        weights = sparse.coo_array(
            (
                np.concatenate(values),
                (place[np.concatenate(sources)], place[np.concatenate(targets)]),
            ),
            shape=(self.n_anime, self.n_anime),
        ).tocsr()
        weights.sort_indices()
        weights.indices, weights.indptr = (
            array.astype(np.int32) for array in (weights.indices, weights.indptr)
        )
        model.weights_ = weights.toarray() if not self.settings.n_neighbours else weights
        return model

    def _kept(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the weights kept as sources, targets and values, some targets at a time."""
        shares = self._borrowed()
        inside, cold = np.flatnonzero(self.warm), np.flatnonzero(~self.warm)
        importance = np.sqrt(self.counts).astype(np.float32)
        for said_for, columns in ((self._said, inside), (self._said_for_cold, cold)):
            for start in range(0, len(columns), BLOCK):
                rows = columns[start : start + BLOCK]
                said = said_for(rows, shares, cold)
                target, source = self._strongest(said, rows, importance)
                values = said[target, source]
                some = values != 0
                yield source[some], rows[target[some]], values[some]

    def _said(self, rows: np.ndarray, shares: sparse.csr_array, cold: np.ndarray) -> np.ndarray:
        """Return what all say for some anime of the system, float32 (len(rows), n_anime)."""
        n = self.n_anime
        said = self.inverse[rows, :n]
        said /= -said[np.arange(len(rows)), rows][:, None]
        said[np.arange(len(rows)), rows] = 0
        if len(cold):
            lent = shares[:, :n] @ np.ascontiguousarray(said.T)
            said[:, cold] = (lent + OWN * shares[:, rows].toarray()).T
        return said

    def _said_for_cold(
        self, rows: np.ndarray, shares: sparse.csr_array, cold: np.ndarray
    ) -> np.ndarray:
        """Return what all say for anime that borrow, float32 (len(rows), n_anime)."""
        n = self.n_anime
        theirs = shares[np.searchsorted(cold, rows)]
        diagonal = np.ones(len(self.inverse), np.float32)
        diagonal[:n][self.warm] = self.inverse.diagonal()[:n][self.warm]
        scaled = theirs @ sparse.diags_array(1 / diagonal)
        lent = theirs.toarray() - np.asarray(scaled @ self.inverse)
        said = lent + OWN * theirs.toarray()
        between = shares @ np.ascontiguousarray(lent.T)
        said[:, cold] = between.T + OWN * (theirs @ shares.T).toarray()
        said[np.arange(len(rows)), rows] = 0
        return said[:, :n].astype(np.float32, copy=False)

    def _borrowed(self) -> sparse.csr_array:
        """Return what shares of the others' weights each cold anime takes, CSR (n_cold, room)."""
        if self._shares is None:
            # In the order of ids, as in fitting: which of equally near anime lend depends on it.
            order = self._order()
            members = None if np.isnan(self.members).all() else self.members[order]
            warm = self.warm[order]
            shares = borrowed_shares(self.tags[order], members, warm)
            arrays = shares.data, order[warm][shares.indices], shares.indptr
            spread = sparse.csr_array(arrays, shape=(shares.shape[0], len(self.inverse)))
            self._shares = spread[np.argsort(order[~warm])]
        return self._shares

    def _strongest(
        self, said: np.ndarray, rows: np.ndarray, importance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which weights pruning keeps: positions of targets in ``rows``, and sources.

        Those above a threshold, found when an anime's weights were last sorted out, are nearly
        always some more than are kept; then only they have to be.
        """
        k = self.settings.n_neighbours
        if not k or k >= self.n_anime:
            return np.nonzero(said)
        strength = np.abs(said)
        strength *= importance
        above = np.flatnonzero(strength > self._thresholds[rows][:, None])
        target, source = np.divmod(above, self.n_anime)
        numbers = np.bincount(target, minlength=len(rows))
        usual = min(int(SLACK * k), self.n_anime - 1)
        sure = (numbers >= k) & (numbers <= 2 * usual)
        anew = np.flatnonzero(~sure)
        best = np.argpartition(-strength[anew], usual, axis=1)[:, :usual]
        found = np.take_along_axis(strength[anew], best, axis=1)
        self._thresholds[rows[anew]] = found.min(axis=1, initial=np.inf)
        chosen = np.take_along_axis(best, np.argpartition(-found, k - 1, axis=1)[:, :k], axis=1)
        targets, sources = [np.repeat(anew, k)], [chosen.ravel()]
        known = np.flatnonzero(sure)
        if len(known):
            place = np.arange(len(target)) - (np.cumsum(numbers) - numbers)[target]
            some = sure[target]
            target, source, place = target[some], source[some], place[some]
            row = (np.cumsum(sure) - 1)[target]
            table = np.full((len(known), numbers[known].max()), -1, np.float32)
            table[row, place] = strength[target, source]
            names = np.zeros(table.shape, dtype=np.int64)
            names[row, place] = source
            best = np.argpartition(-table, k - 1, axis=1)[:, :k]
            targets.append(np.repeat(known, k))
            sources.append(np.take_along_axis(names, best, axis=1).ravel())
        return np.concatenate(targets), np.concatenate(sources)

    # --- snapshots

    def save(self, folder: Path) -> None:
        """Write a snapshot, whole or not at all: see `snapshot.write_snapshot`."""
        arrays = {
            "anime_ids": self.anime_ids,
            "counts": self.counts,
            "squares": self.squares,
            "gram": self.gram,
            "inverse": self.inverse,
            "warm": self.warm,
            "members": self.members,
            "thresholds": self._thresholds,
            "scale": self.settings.scale_,
            "tags_data": self.tags.data,
            "tags_indices": self.tags.indices,
            "tags_indptr": self.tags.indptr,
        }
        about = {
            "model": self.settings.NAME,
            "parameters": self.settings.parameters,
            "usual_length": self.usual_length,
            "n_users": self.n_users,
            "n_updates": self.n_updates,
            "n_tags": self.tags.shape[1],
        }
        write_snapshot(folder, arrays, about)

    @classmethod
    def load(cls, folder: Path, check: bool = True) -> Self:
        """Read what `save` wrote; the matrices are mapped, and pages that change are copied.

        Raises
        ------
        InputError
            If it is missing or damaged.
        """
        arrays, about = read_snapshot(folder, check)
        settings = Model.KINDS[about["model"]](**about["parameters"])
        settings.scale_ = arrays["scale"]
        tags = sparse.csr_array(
            tuple(arrays[f"tags_{name}"] for name in ("data", "indices", "indptr")),
            shape=(len(arrays["anime_ids"]), about["n_tags"]),
        )
        return cls(
            settings, about["usual_length"], about["n_users"], about["n_updates"], arrays, tags
        )


def _chunks(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Yield rows of lists whose products fit into memory at once."""
    products = np.cumsum(lengths.astype(np.float64) ** 2)
    part = (products // CHUNK).astype(np.int64)
    stops = np.flatnonzero(np.diff(part)) + 1
    yield from np.split(np.arange(len(lengths)), stops)
