"""What every model shares: the contract, checks, and how a fitted one is stored."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.files import link_or_copy, write_array, write_text
from anirec.interactions import Interactions, positions
from anirec.partitions import Lists

log = logging.getLogger(__name__)

ABOUT = "model.json"


class ColdProfileWarning(UserWarning):
    """A profile holds no anime the model knows, so popularity ranked for it."""


class Ability(StrEnum):
    """What a model may be able to do beyond `Model.score`; `Model.CAN` says which it is."""

    SIGNED = "signed"
    """It knows what a dislike is: from what the others are shown, dislikes are left out."""

    SIMILAR = "similar"
    """`Model.similar`: it tells which anime are like one."""

    CONTRIBUTIONS = "contributions"
    """`Model.contributions`, `Model.explain`: its match is a sum over the profile."""

    RANKINGS = "rankings"
    """`Model.rankings`: a ranker orders what was retrieved, so that its score is no such sum."""

    CHANCES = "chances"
    """`Model.chances`: it tells how likely somebody who watches an anime likes it."""


class Model(ABC):
    """A recommender: ``fit``, ``score``, ``similar`` where it means something, ``save``, ``load``.

    A subclass names its hyper-parameters in ``__init__`` and keeps them under the same names, sets
    the arrays listed in `ARRAYS` in ``_fit``, and returns scores from ``_score``. What else it can
    do it lists in `CAN`; asked for anything else it raises InputError. A hyper-parameter may be a
    model, fitted or not: it is a part, and its own settings go by ``part.setting``.

    Attributes
    ----------
    anime_ids_ : ids of the anime known, ascending, (n_anime,).
    popularity_ : float32 (n_anime,), the share of the training lists each anime is on.
    """

    NAME: ClassVar[str]
    FORMAT: ClassVar[int] = 1
    ARRAYS: ClassVar[tuple[str, ...]] = ()
    CAN: ClassVar[frozenset[Ability]] = frozenset()
    IN_PARTS: ClassVar[bool] = False
    """Whether it learns from lists in files a part at a time; else it takes them into memory."""
    STARTS: ClassVar[Mapping[str, object]] = {}
    """Where the search for settings that may be left open (None) starts."""
    KINDS: ClassVar[dict[str, type[Model]]] = {}
    """Every kind of model by its name, parts of others too."""

    anime_ids_: np.ndarray
    popularity_: np.ndarray

    chosen_: Mapping[str, object] = MappingProxyType({})
    """The settings left open that fitting chose, by name; ``part.name`` for those of a part."""

    _saved: _Saved | None = None

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "NAME" in cls.__dict__:
            Model.KINDS[cls.NAME] = cls

    def fit(self, train: Lists, features: ItemFeatures | None = None) -> Self:
        """Learn from lists.

        Parameters
        ----------
        train : the lists, in memory or in files; (n_users, n_anime).
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
        self._saved = None
        if not self.IN_PARTS and not isinstance(train, Interactions):
            log.info("%s: %d lists are taken into memory", self.NAME, train.shape[0])
            train = train.in_memory()
        self._fit(train, features)
        self.popularity_ = popularity(train)
        self.anime_ids_ = train.anime_ids
        return self

    def learned_from(self, train: Lists) -> bool:
        """Whether the model is fitted, and to these very lists as far as its figures tell."""
        return (
            hasattr(self, "anime_ids_")
            and np.array_equal(self.anime_ids_, train.anime_ids)
            and np.array_equal(self.popularity_, popularity(train))
        )

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
        """The hyper-parameters, as given; a part that is a model among them."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @property
    def settings(self) -> dict[str, object]:
        """The hyper-parameters, those of parts in place of the parts as ``part.setting``."""
        flat: dict[str, object] = {}
        for name, value in self.parameters.items():
            deeper = value.settings if isinstance(value, Model) else None
            flat |= (
                {name: value}
                if deeper is None
                else {f"{name}.{inner}": of_part for inner, of_part in deeper.items()}
            )
        return flat

    @property
    def open_settings(self) -> list[str]:
        """The names of the settings that are chosen in fitting."""
        return [name for name in self.STARTS if getattr(self, name) is None]

    def setting(self, name: str) -> object:
        """Return the value of a setting as it is in use: as given, else as chosen in fitting, else
        where the search starts."""
        given = getattr(self, name)
        return self.chosen_.get(name, self.STARTS.get(name)) if given is None else given

    def settled(self) -> Self:
        """Return an unfitted model whose settings are all given, those chosen as they were."""
        values = {name: self.setting(name) for name in self.open_settings}
        return self.with_settings(values | dict(self.chosen_))

    def unfitted(self) -> Self:
        """Return a model of the same settings, parts included, that has learned nothing."""
        return type(self)(
            **{
                name: value.unfitted() if isinstance(value, Model) else copy.deepcopy(value)
                for name, value in self.parameters.items()
            }
        )

    def with_settings(self, settings: Mapping[str, object]) -> Self:
        """Return an unfitted model that has some settings changed.

        Parameters
        ----------
        settings : value by name; ``part.name`` for a setting of a part, at any depth.

        Raises
        ------
        InputError
            If a name is unknown or a value is of another kind than the setting.
        """
        parameters: dict[str, Any] = dict(self.unfitted().parameters)
        of_parts: dict[str, dict[str, object]] = {}
        for name, value in settings.items():
            head, _, rest = name.partition(".")
            if head not in parameters or bool(rest) != isinstance(parameters[head], Model):
                raise InputError(
                    f"{self.NAME} has no setting {name!r}: choose one of {', '.join(self.settings)}"
                )
            if rest:
                of_parts.setdefault(head, {})[rest] = value
            else:
                usual = parameters[head]
                usual = self.STARTS.get(head) if usual is None else usual
                parameters[head] = _of_kind(f"{self.NAME}.{name}", value, usual)
        for part, changes in of_parts.items():
            parameters[part] = parameters[part].with_settings(changes)
        return type(self)(**parameters)

    def take_parts(self, models: Iterable[Model]) -> None:
        """Take for parts those of some models that are of their kind and have their settings."""
        models = list(models)
        for name, part in self.parameters.items():
            if isinstance(part, Model):
                for model in models:
                    if type(model) is type(part) and model.settings == part.settings:
                        setattr(self, name, model)

    def can(self, ability: Ability) -> bool:
        """Whether the model has an ability."""
        return ability in self.CAN

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime most like one, best first: ``anime_id``, ``similarity``.

        Raises
        ------
        InputError
            If the model cannot tell (see `Ability.SIMILAR`) or does not know the anime.
        """
        raise InputError(f"model {self.NAME!r} knows no similar anime: choose another")

    def contributions(self, profile: Interactions, columns: np.ndarray) -> np.ndarray:
        """Return the terms of one profile's match for several anime at once.

        float32 (nnz, len(columns)): what each entry says for the anime in each column; they sum to
        the match.

        Raises
        ------
        InputError
            If there is not exactly one profile, or the match is no such sum (see
            `Ability.CONTRIBUTIONS`).
        """
        raise InputError(f"the score of model {self.NAME!r} is no sum over the profile")

    def explain(self, profile: Interactions, anime_id: int) -> pd.DataFrame:
        """Return the terms of one profile's match for an anime; see `contributions`.

        Returns
        -------
        pandas.DataFrame
            ``anime_id`` of each entry of the profile and its ``contribution``.

        Raises
        ------
        InputError
            If there is not exactly one profile or the anime is unknown.
        """
        terms = self.contributions(profile, np.array([self.column(anime_id)]))[:, 0]
        ids = self.anime_ids_[profile.indices]
        return pd.DataFrame({"anime_id": ids, "contribution": terms})

    def rankings(
        self, profile: Interactions, columns: np.ndarray, allowed: np.ndarray | None = None
    ) -> list[pd.DataFrame | None]:
        """Return what a ranker made of the anime in several columns: None where it had no say.

        Frames of ``group``, ``feature``, ``value``, ``contribution``; None throughout for a model
        without a ranker (see `Ability.RANKINGS`).

        Parameters
        ----------
        allowed : as given to `score`.
        """
        return [None] * len(columns)

    def chances(
        self, profile: Interactions, columns: np.ndarray, allowed: np.ndarray | None = None
    ) -> np.ndarray:
        """Return which share of people with such a list who watched the anime liked it.

        float32 (len(columns),), calibrated; NaN where that is not known: for an anime that is no
        candidate for the profile, a profile of which nothing is known, and throughout for a model
        that cannot tell (see `Ability.CHANCES`).

        Parameters
        ----------
        profile : one profile.
        columns : the anime asked for.
        allowed : as given to `score`.
        """
        return np.full(len(columns), np.nan, dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the fitted model to a folder: ``model.json`` and one ``.npy`` file per array."""
        self._check_fitted()
        folder = Path(folder)
        # Without its description a folder is no model: one half written is not taken for whole.
        (folder / ABOUT).unlink(missing_ok=True)
        for name in self._arrays():
            write_array(folder / f"{name}.npy", getattr(self, name))
        self._save_more(folder)
        about = {
            "model": self.NAME,
            "format": self.FORMAT,
            "parameters": _told(self.parameters),
            "chosen": dict(self.chosen_),
        }
        write_text(folder / ABOUT, json.dumps(about, indent=2) + "\n")
        self._saved = _Saved.of(folder)

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
        model = cls(**_revived(about["parameters"]))
        model.chosen_ = about["chosen"]
        for name in cls._arrays():
            file = folder / f"{name}.npy"
            if not file.is_file():
                raise incomplete(file)
            setattr(model, name, np.load(file, mmap_mode="r", allow_pickle=False))
        model._load_more(folder)
        model._saved = _Saved.of(folder)
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
    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
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


@dataclass(frozen=True)
class _Saved:
    """Where a model lies as it is, and which file its description was then."""

    folder: Path
    inode: int
    written: int

    @classmethod
    def of(cls, folder: Path) -> _Saved:
        stat = (folder / ABOUT).stat()
        return cls(folder, stat.st_ino, stat.st_mtime_ns)

    @property
    def stands(self) -> bool:
        return (self.folder / ABOUT).is_file() and _Saved.of(self.folder) == self


def save_part(part: Model, folder: Path) -> None:
    """Save a model that is part of another; its files are linked where it was saved already."""
    saved = part._saved
    if saved is None or not saved.stands or saved.folder.resolve() == folder.resolve():
        part.save(folder)
        return
    (folder / ABOUT).unlink(missing_ok=True)
    files = {file.relative_to(saved.folder) for file in saved.folder.rglob("*") if file.is_file()}
    for file in folder.rglob("*"):
        if file.is_file() and file.relative_to(folder) not in files:
            file.unlink()
    for file in sorted(files - {Path(ABOUT)}):
        link_or_copy(saved.folder / file, folder / file)
    link_or_copy(saved.folder / ABOUT, folder / ABOUT)


def incomplete(file: Path) -> InputError:
    """Return the error that says that a file of a fitted model is missing, to be raised."""
    return InputError(f"{file} is missing: rebuild it with 'anirec run --from 03 --force'")


def copied(model: Model) -> Model:
    """Return a copy of a model that shares its arrays."""
    twin = object.__new__(type(model))
    twin.__dict__.update(model.__dict__)
    twin._saved = None
    return twin


def popularity(train: Lists) -> np.ndarray:
    """Return the share of lists that each anime is on, float32 (n_anime,)."""
    return (train.figures.counts / train.shape[0]).astype(np.float32)


def _of_kind(name: str, value: Any, usual: object) -> object:
    """Return a setting's value as its usual one is: a whole number will do for another.

    Raises InputError if it is of another kind. None and settings that are None usually pass.
    """
    if value is None or usual is None:
        return value
    if isinstance(usual, float) and type(value) in (int, float):
        return float(value)
    if isinstance(usual, dict) and isinstance(value, Mapping):
        return dict(value)
    alike = type(value) is type(usual) or (
        isinstance(usual, list | tuple) and isinstance(value, list | tuple)
    )
    if not alike:
        raise InputError(f"setting {name}={value!r} must be like {usual!r}")
    return value


def _told(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return hyper-parameters as JSON can hold them: a part is its ``model`` and ``parameters``."""
    return {
        name: {"model": value.NAME, "parameters": _told(value.parameters)}
        if isinstance(value, Model)
        else value
        for name, value in parameters.items()
    }


def _revived(told: Mapping[str, object]) -> dict[str, object]:
    """Return what `_told` was given, parts unfitted."""

    def revived(value: object) -> object:
        if isinstance(value, dict) and value.get("model") in Model.KINDS:
            return Model.KINDS[value["model"]](**_revived(value["parameters"]))
        return value

    return {name: revived(value) for name, value in told.items()}


def read_about(folder: Path) -> dict:
    """Return a model folder's description: ``model``, ``format``, ``parameters``, ``chosen``.

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
        told = {name: about[name] for name in ("model", "format", "parameters")}
        return told | {"chosen": about.get("chosen", {})}
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{file} is damaged: rebuild it with 'anirec run --from 03 --force'"
        ) from None
