"""Reports as files and as JSON."""

import csv
import json
from pathlib import Path
from typing import Any

from broker.errors import ConfigError
from broker.report.figures import Tables
from schemas.said import said


def write_csv(folder: Path, tables: Tables) -> list[Path]:
    """A file a table, UTF-8 with a byte order mark, so that spreadsheets show Chinese. Raises ConfigError."""
    written = []
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(table.columns)
                writer.writerows(table.rows)
        except OSError as error:
            raise _unwritable(path, error) from None
        written.append(path)
    return written


def write_text(path: Path, text: str) -> None:
    """Raises ConfigError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        said("{path} cannot be written ({strerror}): name another place", path=path, strerror=error.strerror)
    )


def as_json(tables: Tables, **about: Any) -> str:
    """One object: what it is about, and the rows by table."""
    return json.dumps(about | {name: table.records() for name, table in tables.items()}, ensure_ascii=False)
