"""The command that fits what is served, on lists of any number."""

from __future__ import annotations

from typing import Annotated

import typer

from anirec.cli.options import (
    DatasetWord,
    SameDatasetOption,
    SchedulerOption,
    WorkersOption,
    app,
    chosen_dataset,
)
from anirec.config import Dataset, Paths


@app.command("fit")
def fit_models(
    dataset: DatasetWord = None,
    dataset_option: SameDatasetOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Which to fit; may be repeated [hybrid-ease]."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="MODEL.SETTING=VALUE", help="Set a setting."),
    ] = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
) -> None:
    """Fit what is served to lists that need not fit into memory.

    They are read a part at a time, here or by a cluster. Models are judged on people held out, as
    in the notebooks, and kept fitted to everybody.

    \b
    Example: anirec fit user-animelist --workers 2
    """
    from anirec.cluster import engine_of
    from anirec.pipeline.fitting import fit_and_keep
    from anirec.pipeline.stages import parse_parameters

    name = chosen_dataset(dataset, dataset_option) or Dataset.SAMPLE.value
    settings = parse_parameters(name, None, parameter or []).settings
    with engine_of(scheduler, workers, typer.echo) as engine:
        fit_and_keep(Paths.of(name), model or ["hybrid-ease"], engine, settings, typer.echo)
