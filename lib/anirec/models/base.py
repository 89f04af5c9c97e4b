"""What every model shares: the contract, checks, and how a fitted one is stored."""

from __future__ import annotations

import inspect
import json
import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.files import write_text, written_whole
from anirec.interactions import Interactions, positions

ABOUT = "model.json"


class ColdProfileWarning(UserWarning):
    """A profile holds no anime the model knows, so popularity ranked for it."""


class Model(ABC):
    """A recommender: ``fit``, ``score``, ``similar`` where it means something, ``save``, ``load``.

    A subclass names its hyper-parameters in ``__init__`` and keeps them under the same names, sets
    the arrays listed in `ARRAYS` in ``_fit``, and returns scores from ``_score``.

    Attributes
    ----------
    anime_ids_ : ids of the anime known, ascending, (n_anime,).
    popularity_ : float32 (n_anime,), the share of the training lists each anime is on.
    """

    NAME: ClassVar[str]
    FORMAT: ClassVar[int] = 1
    ARRAYS: ClassVar[tuple[str, ...]] = ()

    anime_ids_: np.ndarray
    popularity_: np.ndarray

    def fit(self, train: Interactions, features: ItemFeatures | None = None) -> Self:
        """Learn from lists.

        Parameters
        ----------
        train : the lists; (n_users, n_anime).
        features : side information aligned to ``train.anime_ids``; models that use none ignore it.

        Raises
        ------
        InputError
            If there is nothing to learn from or the features are of other anime.
        """
        if not train.nnz:
            raise InputError("there are no list entries to learn from: check the ratings")
        if features is not None and not np.array_equal(features.anime_ids, train.anime_ids):
            raise InputError(
                "the features are of other anime than the lists: "
                "make them with item_features(anime, train.anime_ids)"
            )
        self._fit(train, features)
        counts = np.bincount(train.indices, minlength=train.shape[1])
        self.popularity_ = (counts / train.shape[0]).astype(np.float32)
        self.anime_ids_ = train.anime_ids
        return self

    def score(self, profiles: Interactions, allowed: np.ndarray | None = None) -> np.ndarray:
        """Return a score for each profile and anime, float32 (n_profiles, n_anime).

        A higher score is better; scores of different models or profiles are not comparable.
        A profile without any anime the model knows gets the popularity of each anime, and a
        `ColdProfileWarning` says so.

        Parameters
        ----------
        profiles : the lists to score for, on the model's anime columns.
        allowed : bool (n_anime,) or (n_profiles, n_anime), the anime that may be recommended, all
            by default; the others score minus infinity.

        Raises
        ------
        InputError
            If the model is not fitted, there is no profile, or they are on other anime columns.
        """
        self._check_fitted()
        if not profiles.shape[0]:
            raise InputError("the profile is empty: add at least one title")
        if not np.array_equal(profiles.anime_ids, self.anime_ids_):
            raise InputError(
                "the profiles are of other anime: encode them with the model's anime_ids_"
            )
        scores = self._score_among(profiles, allowed)
        cold = profiles.lengths == 0
        if cold.any():
            scores[cold] = self.popularity_
            warnings.warn(
                f"{cold.sum()} of {len(cold)} profiles hold no anime {self.NAME} knows: "
                "they are ranked by popularity",
                ColdProfileWarning,
                stacklevel=2,
            )
        if allowed is not None:
            scores[~np.broadcast_to(allowed, scores.shape)] = -np.inf
        return scores

    def column(self, anime_id: int) -> int:
        """Return the column of an anime. Raises InputError if the model does not know it."""
        self._check_fitted()
        found, known = positions(self.anime_ids_, np.array([anime_id]))
        if not known[0]:
            raise InputError(
                f"anime {anime_id} is unknown to {self.NAME}: "
                "nobody it learned from has it on a list"
            )
        return int(found[0])

    @property
    def parameters(self) -> dict[str, object]:
        """The hyper-parameters, as given."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def save(self, folder: Path) -> None:
        """Write the fitted model to a folder: ``model.json`` and one ``.npy`` file per array."""
        self._check_fitted()
        folder = Path(folder)
        # Without its description a folder is no model: one half written is not taken for whole.
        (folder / ABOUT).unlink(missing_ok=True)
        for name in self._arrays():
            with written_whole(folder / f"{name}.npy") as beside, beside.open("wb") as stream:
                np.save(stream, getattr(self, name), allow_pickle=False)
        self._save_more(folder)
        about = {"model": self.NAME, "format": self.FORMAT, "parameters": self.parameters}
        write_text(folder / ABOUT, json.dumps(about, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; arrays are memory-mapped.

        Raises
        ------
        InputError
            If there is no such model in the folder, or it is of another format.
        """
        folder = Path(folder)
        about = read_about(folder)
        if about["model"] != cls.NAME:
            raise InputError(f"{folder} holds a {about['model']} model: load it as such")
        if about["format"] != cls.FORMAT:
            raise InputError(
                f"{folder} is of format {about['format']}, and {cls.FORMAT} is needed: "
                "rebuild it with 'anirec run --from 03 --force'"
            )
        model = cls(**about["parameters"])
        for name in cls._arrays():
            file = folder / f"{name}.npy"
            if not file.is_file():
                raise incomplete(file)
            setattr(model, name, np.load(file, mmap_mode="r", allow_pickle=False))
        model._load_more(folder)
        return model

    @classmethod
    def _arrays(cls) -> tuple[str, ...]:
        return "anime_ids_", "popularity_", *cls.ARRAYS

    def _check_fitted(self) -> None:
        if not hasattr(self, "anime_ids_"):
            raise InputError(f"{type(self).__name__} is not fitted: call fit first")

    def _neighbours(self, similarity: np.ndarray, column: int, k: int) -> pd.DataFrame:
        """Return the ``k`` best columns but ``column`` itself as ``anime_id``, ``similarity``."""
        similarity = np.array(similarity, dtype=np.float32)
        similarity[column] = -np.inf
        best = np.argsort(-similarity, kind="stable")[: min(k, len(similarity) - 1)]
        return pd.DataFrame({"anime_id": self.anime_ids_[best], "similarity": similarity[best]})

    @abstractmethod
    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        """Set the arrays listed in `ARRAYS`; the arguments have been checked."""

    @abstractmethod
    def _score(self, profiles: Interactions) -> np.ndarray:
        """Return a new float32 array (n_profiles, n_anime); the profiles have been checked."""

    def _score_among(self, profiles: Interactions, allowed: np.ndarray | None) -> np.ndarray:
        """Return scores as `_score` does, where it matters what may be recommended."""
        return self._score(profiles)

    def _save_more(self, folder: Path) -> None:  # noqa: B027
        """Write what is no plain array."""

    def _load_more(self, folder: Path) -> None:  # noqa: B027
        """Read what `_save_more` wrote."""


def incomplete(file: Path) -> InputError:
    """Return the error that says that a file of a fitted model is missing, to be raised."""
    return InputError(f"{file} is missing: rebuild it with 'anirec run --from 03 --force'")


def copied(model: Model) -> Model:
    """Return a copy of a model that shares its arrays."""
    twin = object.__new__(type(model))
    twin.__dict__.update(model.__dict__)
    return twin


def read_about(folder: Path) -> dict:
    """Return a model folder's description: ``model``, ``format``, ``parameters``.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    file = Path(folder) / ABOUT
    if not file.is_file():
        raise InputError(f"{file} is missing: run 'anirec run --from 03' first")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        return {name: about[name] for name in ("model", "format", "parameters")}
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{file} is damaged: rebuild it with 'anirec run --from 03 --force'"
        ) from None
