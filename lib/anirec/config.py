"""Paths, dataset names and run parameters. Nothing is computed here."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
IN_CHECKOUT = (_PACKAGE.parents[1] / "pyproject.toml").is_file()
ROOT = _PACKAGE.parents[1] if IN_CHECKOUT else _PACKAGE / "checkout"
"""The repository, which holds ``notebooks/`` and ``data/sample/``; of an installed wheel, where it
carries these. Nothing is written there but below `data_dir` and `output_root` of a repository."""

NOTEBOOK_DIR = ROOT / "notebooks"


class Dataset(StrEnum):
    """The datasets anirec can read, by the name used on the command line and in folder names."""

    SAMPLE = "sample"
    MAL_2016 = "mal-2016"
    MAL_2018 = "mal-2018"
    MAL_2018_FINAL = "mal-2018-final"
    MAL_2020 = "mal-2020"
    MAL_2020_FILTERED = "mal-2020-filtered"
    MAL_2023 = "mal-2023"
    USER_ANIMELIST = "user-animelist"


class InputError(Exception):
    """Something a person can mend: a missing file, a bad value, an unknown name.

    The message says what is wrong and what to do; the command line prints it on one line and
    exits with status 2.
    """


def data_dir() -> Path:
    """Folder of raw and processed data: ``$ANIREC_DATA_DIR``, else ``data/`` in the repository, or
    in the current folder where anirec was installed without one."""
    return Path(os.environ.get("ANIREC_DATA_DIR") or _home() / "data")


def output_root() -> Path:
    """Folder of run outputs: ``$ANIREC_OUTPUT_DIR``, else ``outputs/`` beside ``data/``."""
    return Path(os.environ.get("ANIREC_OUTPUT_DIR") or _home() / "outputs")


def _home() -> Path:
    return ROOT if IN_CHECKOUT else Path.cwd()


def shown_path(path: Path) -> str:
    """Return a path as a person in the current folder would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@dataclass(frozen=True)
class Paths:
    """Where one dataset's files lie. Attributes are absolute folders; nothing is created."""

    dataset: str
    raw: Path
    processed: Path
    outputs: Path

    @classmethod
    def of(
        cls,
        dataset: str,
        raw_dir: str | Path | None = None,
        processed_dir: str | Path | None = None,
        output_dir: str | Path | None = None,
    ) -> Paths:
        """Return the folders of ``dataset``; each one given overrides its default."""
        return cls(
            dataset=dataset,
            raw=Path(raw_dir or data_dir() / "raw" / dataset).resolve(),
            processed=Path(processed_dir or data_dir() / "processed" / dataset).resolve(),
            outputs=Path(output_dir or output_root() / dataset).resolve(),
        )

    @property
    def figures(self) -> Path:
        return self.outputs / "figures"

    @property
    def tables(self) -> Path:
        return self.outputs / "tables"

    @property
    def models(self) -> Path:
        return self.outputs / "models"

    @property
    def report(self) -> Path:
        return self.outputs / "report"


@dataclass(frozen=True)
class RunParameters:
    """Every knob of a run, with its default. A notebook's ``parameters`` cell holds those it uses.

    Attributes
    ----------
    dataset : one of `Dataset`.
    raw_dir, processed_dir, output_dir : folders; ``None`` means the dataset's default (`Paths.of`).
    seed : seeds every random choice of the run.
    min_entries : users with fewer list entries are left out of training and evaluation.
    n_test_users, n_validation_users : how many users are held out, at most 25 % and 12.5 %
        of those left.
    given_fraction : share of a held-out user's list that the models are shown.
    ease_l2 : EASE's L2 penalty (lambda in Steck 2019).
    embedding_dim, epochs : RatingNet's embedding size and its greatest number of epochs.
    ranker_rounds, ranker_users : trees of TwoStage's ranker, and lists it learns from at most.
    n_components, n_clusters : PCA dimensions and KMeans clusters of the user segments.
    top_k : length of a recommendation list.
    settings : of any model and its parts, by ``model.setting`` and ``model.part.setting`` (such as
        ``two-stage.retriever.l2``); they come before those above.
    """

    dataset: str = "sample"
    raw_dir: str | None = None
    processed_dir: str | None = None
    output_dir: str | None = None
    seed: int = 0
    min_entries: int = 5
    n_test_users: int = 800
    n_validation_users: int = 400
    given_fraction: float = 0.8
    ease_l2: float = 100.0
    embedding_dim: int = 32
    epochs: int = 30
    ranker_rounds: int = 120
    ranker_users: int = 2500
    n_components: int = 20
    n_clusters: int = 10
    top_k: int = 10
    settings: dict[str, object] = field(default_factory=dict)
