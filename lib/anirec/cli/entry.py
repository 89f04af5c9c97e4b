"""What starts the command, and turns errors into one line and an exit status."""

from __future__ import annotations

import io
import sys

import typer

from anirec.cli.commands import Interrupted
from anirec.cli.options import app
from anirec.config import InputError

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


def main() -> None:
    """Run the command; errors a person can mend become one line and exit status 2."""
    from anirec.pipeline.steps import StageFailed

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a narrow code page has not all letters
            stream.reconfigure(errors="replace")
    try:
        status = app(prog_name="anirec", standalone_mode=False)
    except InputError as error:
        _complain(str(error))
        sys.exit(2)
    except typer.TyperException as error:
        _complain(_usage(error))
        sys.exit(2)
    except StageFailed as error:
        _complain(str(error))
        sys.exit(1)
    except Interrupted:
        print("\nanirec: interrupted; the next run resumes here", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if status == INTERRUPTED:
        print("\nanirec: interrupted", file=sys.stderr)
    sys.exit(status)


def _complain(text: str) -> None:
    print(f"anirec: {text}", file=sys.stderr)


def _usage(error: typer.TyperException) -> str:
    """Return on one line what is wrong with a command's words and options, and where to look."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "anirec"
    return f"{said[:1].lower()}{said[1:]} (see '{command} --help')"
