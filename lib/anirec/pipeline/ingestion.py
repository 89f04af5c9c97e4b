"""Stage 00: the sample's community is simulated, the tables are made, their indices are built."""

from __future__ import annotations

from collections.abc import Callable

from anirec.config import Dataset, Paths
from anirec.pipeline.stages import (
    INDEXED,
    PACKAGE_DIR,
    TABLES,
    followed_imports,
    module_files,
    stage_files,
)
from anirec.pipeline.steps import Step


def ingestion_steps(paths: Paths, echo: Callable[[str], None] = print) -> list[Step]:
    """Return the steps from a dataset's raw files to its tables and their indices."""
    from anirec.datasets import located_files, raw_files

    raw = [paths.raw / raw_file.name for raw_file in raw_files(paths.dataset)]
    if paths.dataset == Dataset.SAMPLE and paths.raw == Paths.of(Dataset.SAMPLE).raw:
        return [_simulation(paths, echo), _tables(paths, raw, echo), _indices(paths)]
    return [_tables(paths, located_files(paths), echo), _indices(paths)]


def _simulation(paths: Paths, echo: Callable[[str], None]) -> Step:
    from anirec.datasets import raw_files, sample

    def simulate() -> None:
        echo("The sample's anime are real; its community is simulated.")
        sample.generate(paths.raw)

    return Step(
        "sample",
        "00 simulate the sample's community",
        simulate,
        reads=[*module_files("anirec.datasets.sample"), *sample.CATALOGUE_FILES],
        targets=[paths.raw / raw_file.name for raw_file in raw_files(paths.dataset)],
    )


def _tables(paths: Paths, raw: list, echo: Callable[[str], None]) -> Step:
    def make() -> None:
        from anirec.datasets.ingest import ingest

        echo(ingest(paths).summary())

    sources = module_files("anirec.datasets") | {PACKAGE_DIR / "config.py"}
    return Step(
        "ingest",
        "00 ingest",
        make,
        reads=[*sorted(sources), *raw],
        targets=stage_files(paths, TABLES),
        parameters={"raw_dir": str(paths.raw)},
    )


def _indices(paths: Paths) -> Step:
    def make() -> None:
        from anirec.catalogue import build

        build(paths)

    return Step(
        "catalogue",
        "00 build the catalogue's indices",
        make,
        reads=[
            *followed_imports("from anirec.catalogue import indices"),
            paths.processed / "anime.parquet",
        ],
        targets=stage_files(paths, INDEXED),
    )
