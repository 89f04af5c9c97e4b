"""Download of the public datasets from Kaggle, by its own client, file by file.

kagglehub checks sums, goes on where it was cut off, and uses a token if there is one; it needs none
for public datasets. A file is downloaded beside its place and moved there when it is whole.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from anirec.config import Dataset, InputError, Paths
from anirec.datasets import raw_files
from anirec.datasets.reading import raw_path

HANDLES = {
    Dataset.MAL_2016: "CooperUnion/anime-recommendations-database",
    Dataset.MAL_2018: "azathoth42/myanimelist",
    Dataset.MAL_2020: "hernan4444/anime-recommendation-database-2020",
    Dataset.MAL_2023: "dbdmobile/myanimelist-dataset",
    Dataset.USER_ANIMELIST: "tavuksuzdurum/user-animelist-dataset",
}
"""Dataset -> what Kaggle calls it."""
STAGING = ".download"
"""Folder beside the raw files in which downloads grow."""


def fetch(paths: Paths) -> list[Path]:
    """Download the files of a dataset that are needed and not there; return all that are needed.

    Raises
    ------
    InputError
        If the dataset is not to be had, or a download fails; what has come so far is kept, and the
        same call goes on with it.
    """
    handle = HANDLES.get(paths.dataset)
    if handle is None:
        raise InputError(
            f"{paths.dataset} is not on Kaggle: choose one of {', '.join(HANDLES)}, "
            f"or put its files into {paths.raw}"
        )
    needed = [raw_file for raw_file in raw_files(paths.dataset) if not raw_file.unless]
    for raw_file in needed:
        name = raw_file.name
        if not raw_path(paths.raw, *raw_file.names):
            print(f"Downloading {name} of kaggle.com/datasets/{handle}", file=sys.stderr)
            with _clear_errors(handle, name):
                paths.raw.mkdir(parents=True, exist_ok=True)
                _download(handle, name, paths.raw / STAGING).replace(paths.raw / name)
    shutil.rmtree(paths.raw / STAGING, ignore_errors=True)
    return [raw_path(paths.raw, *raw_file.names).file for raw_file in needed]


def _download(handle: str, name: str, staging: Path) -> Path:
    """Download one file into ``staging``, going on with what is there; return where it is.

    What the client prints to the standard output, which can hold the token, is thrown away; its
    progress bar goes to the standard error.
    """
    import kagglehub

    logging.getLogger("kagglehub").setLevel(logging.ERROR)
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(staging)
    try:
        with redirect_stdout(io.StringIO()):
            return Path(kagglehub.dataset_download(handle, path=name))
    finally:
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before


@contextmanager
def _clear_errors(handle: str, name: str) -> Iterator[None]:
    """Turn what can go wrong into one line each. Nothing of a request or its answer is shown."""
    import requests
    from kagglehub.exceptions import DataCorruptionError

    page = f"kaggle.com/datasets/{handle}"
    again = "the same command goes on where it stopped"
    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else None
        raise InputError(_of_status(status, page, name)) from None
    except requests.exceptions.ChunkedEncodingError:
        raise InputError(f"the download of {name} was interrupted: {again}") from None
    except requests.Timeout:
        raise InputError(f"Kaggle did not answer in time for {name}: {again}") from None
    except requests.ConnectionError as error:
        if "IncompleteRead" in str(error) or "reset" in str(error):
            raise InputError(f"the download of {name} was interrupted: {again}") from None
        raise InputError(
            f"Kaggle cannot be reached: check the network, or download {name} from {page}"
        ) from None
    except DataCorruptionError:
        raise InputError(
            f"{name} arrived damaged (its checksum differs) and was thrown away: fetch it again"
        ) from None
    except ValueError:
        raise InputError(
            "the Kaggle token cannot be read: mend or delete ~/.kaggle/kaggle.json "
            "(public datasets need none)"
        ) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise InputError(f"the disk is full: make room for {name}; {again}") from None


def _of_status(status: int | None, page: str, name: str) -> str:
    if status in (401, 403):
        return (
            f"Kaggle refuses {name} ({status}): accept the terms at {page}, and put a token of "
            "your account into KAGGLE_API_TOKEN or ~/.kaggle/access_token"
        )
    if status == 404:
        return f"Kaggle does not have {name} at {page} (404): look there for its new name"
    return f"Kaggle answers {name} with an error ({status}): try again later"
