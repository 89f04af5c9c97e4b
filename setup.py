"""What pyproject.toml cannot say: a wheel carries what a checkout has beside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CARRIED = ("notebooks/*.ipynb", "data/sample/*", "requirements.lock")


class BuildWithNotebooks(build_py):
    """Copies the notebooks and the sample's catalogue to ``anirec/checkout``, but not to edit."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for file in self.carried():
                target = Path(self.build_lib, "anirec", "checkout", file.relative_to(ROOT))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)

    def carried(self) -> list[Path]:
        return sorted(file for pattern in CARRIED for file in ROOT.glob(pattern) if file.is_file())

    def get_source_files(self) -> list[str]:
        files = [str(file.relative_to(ROOT)) for file in self.carried()]
        return [*super().get_source_files(), *files]


setup(cmdclass={"build_py": BuildWithNotebooks})
