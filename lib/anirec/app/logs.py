"""What the page's processes log: one line each, without tokens."""

from __future__ import annotations

import logging
import re
from pathlib import Path

IN_TEXT = re.compile(r"((?:profile|token)=)[^&\s'\"]+")
LONGEST_LINE = 500


class OneLine(logging.Formatter):
    """Says what failed and where in one line: whoever makes something fail fills no log."""

    def formatException(self, info: tuple) -> str:
        kind, error, where = info
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        file = Path(where.tb_frame.f_code.co_filename).name if where is not None else ""
        return f"{kind.__name__}: {error}" + (f" ({file}:{where.tb_lineno})" if file else "")

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(super().format(record).split())[:LONGEST_LINE]


def log_to_stderr(name: str) -> logging.Handler:
    """Have this process log what matters to standard error, each line begun with ``name``."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(f"{name}: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    return handler


def mask_tokens() -> None:
    """Mask tokens in whatever this process logs from now on."""
    made = logging.getLogRecordFactory()

    def masked(*args: object, **kwargs: object) -> logging.LogRecord:
        record = made(*args, **kwargs)
        text = record.getMessage()
        if (safe := IN_TEXT.sub(r"\1…", text)) != text:
            record.msg, record.args = safe, ()
        return record

    logging.setLogRecordFactory(masked)
