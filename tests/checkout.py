"""Copies of the repository to try things in, as somebody who has just cloned it would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from anirec.config import ROOT


def copy_of_checkout(target: Path) -> Path:
    """Copy what git knows of the checkout, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode("utf-8").split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


def plain() -> dict[str, str]:
    """Return the environment without what would show this checkout to others."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ANIREC", "PYTHON"))}


def with_commands(checkout: Path) -> Path:
    """Give a copy a ``.venv`` as ``make`` leaves it, whose commands use the copy's package.

    They are small scripts that call this environment's own, so that nothing is installed.
    """
    bin = checkout / ".venv" / "bin"
    bin.mkdir(parents=True)
    modules = {
        "python": (),
        "anirec": ("-m", "anirec.cli"),
        "jupyter": ("-m", "jupyter"),
        "papermill": ("-m", "papermill"),
    }
    for name, options in modules.items():
        words = " ".join(("exec", f"'{sys.executable}'", *options, '"$@"'))
        script = f"#!/bin/sh\nPYTHONPATH='{checkout / 'lib'}' {words}\n"
        (bin / name).write_text(script, encoding="utf-8")
        (bin / name).chmod(0o755)
    (checkout / ".venv" / ".installed").touch()
    return checkout
