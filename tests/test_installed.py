"""The wheel in an environment of its own, outside any checkout, in folders with odd names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from checkout import copy_of_checkout, plain


class Installed:
    """An environment that has anirec from its wheel, and a folder to work in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        source = copy_of_checkout(root / "source")
        self._python(sys.executable, "wheel", "--no-build-isolation", str(source), "-w", str(root))
        shutil.rmtree(source)
        folder = root / "environment"
        venv.create(folder, with_pip=False)
        self.bin = folder / ("Scripts" if os.name == "nt" else "bin")
        python = str(self.bin / Path("python.exe" if os.name == "nt" else "python"))
        (wheel,) = root.glob("*.whl")
        self._python(sys.executable, "--python", python, "install", "--no-index", str(wheel))
        packages = next(folder.rglob("site-packages"))
        paths = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
        (packages / "dependencies.pth").write_text("\n".join(paths), encoding="utf-8")
        self.package = packages / "anirec"

    def _python(self, python: str, *arguments: str) -> None:
        options = ["--quiet", "--no-deps"]
        where = arguments.index("wheel" if "wheel" in arguments else "install") + 1
        command = [python, "-m", "pip", *arguments[:where], *options, *arguments[where:]]
        subprocess.run(command, check=True, env=plain(), capture_output=True, text=True)

    def anirec(self, folder: Path, *arguments: str, **variables: str) -> str:
        """Run the command in ``folder`` as somebody without this checkout would."""
        said = subprocess.run(
            [self.bin / "anirec", *arguments],
            cwd=folder,
            env=plain()
            | {"JUPYTER_PATH": f"{sys.prefix}/share/jupyter", "PYTHONDONTWRITEBYTECODE": "1"}
            | variables,
            capture_output=True,
            encoding="utf-8",
        )
        assert said.returncode == 0, said.stderr
        return said.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("Ein Ördner für アニメ"))


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    found = (file for file in folder.rglob("*") if "__pycache__" not in file.parts)
    return {str(file): (file.stat().st_mtime_ns, file.stat().st_size) for file in found}


def test_wheel_runs_the_sample_outside_any_checkout(installed: Installed) -> None:
    """All is written below the current folder, and nothing where the package lies."""
    here = installed.root / "mein Pläuschchen"
    here.mkdir()
    before = files_of(installed.package)
    assert installed.anirec(here, "--version").startswith("anirec ")
    installed.anirec(here, "sample", "--size", "tiny", "--out", "rohe Dateien")
    raw = ("--raw-dir", "rohe Dateien")
    installed.anirec(here, "run", *raw, "--only", "00")
    installed.anirec(here, "run", *raw, "--only", "01")
    outputs = here / "outputs" / "sample"
    assert "<img" in (outputs / "report" / "01_exploration.html").read_text(encoding="utf-8")
    assert json.loads((outputs / "run.json").read_text())["git_revision"] is None
    assert (here / "data" / "processed" / "sample" / "titles.npz").is_file()
    assert files_of(installed.package) == before


def test_data_and_outputs_lie_where_the_variables_say(installed: Installed) -> None:
    here = installed.root / "leer"
    here.mkdir()
    data, outputs = installed.root / "Dáten hier", installed.root / "Ausgaben"
    places = {"ANIREC_DATA_DIR": str(data), "ANIREC_OUTPUT_DIR": str(outputs)}
    raw = installed.root / "raw"
    installed.anirec(here, "sample", "--size", "tiny", "--out", str(raw))
    installed.anirec(here, "run", "--raw-dir", str(raw), "--only", "00", **places)
    assert (data / "processed" / "sample" / "anime.parquet").is_file()
    assert (outputs / "sample" / "run.json").is_file()
    assert list(here.iterdir()) == []


@pytest.mark.long
def test_wheel_runs_all_six_notebooks(installed: Installed) -> None:
    here = installed.root / "everything"
    here.mkdir()
    installed.anirec(here, "run", "-p", "epochs=2")
    assert len(list((here / "outputs" / "sample" / "report").glob("0*.html"))) == 6
    assert "Haikyuu" in installed.anirec(here, "recommend", "Haikyuu!!", "-k", "5")
