"""The command that tells what is there: ``doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from anirec.cli.options import app


@app.command()
def doctor(
    gpu: Annotated[
        bool, typer.Option(help="Ask TensorFlow, which takes seconds to load, for a GPU.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show versions, folders, room, and what is there and fresh.

    It says what to do next, and changes nothing.

    \b
    Example: anirec doctor
    """
    from dataclasses import asdict

    from anirec.doctor import diagnose, diagnosis_text
    from anirec.terminal import print_json

    if gpu:
        typer.echo("anirec: asking TensorFlow for a GPU, which takes some seconds", err=True)
    found = diagnose(ask_gpu=gpu)
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(diagnosis_text(found))
