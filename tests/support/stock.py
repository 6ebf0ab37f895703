"""A table of stock data on disk, and what an import of it must say."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from producers.simulator.stock_table import HEADER, MAPPING, SAME_NUMBER, TOO_FEW, StockRow


def write_table(
    folder: Path, rows: Iterable[StockRow], encoding: str = "gb18030"
) -> tuple[Path, Path, dict[int, str]]:
    """Write the table and its mapping; return both paths and what is wrong with which row."""
    table, mapping = folder / "stock.csv", folder / "stock.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    wrong: dict[int, str] = {}
    with table.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for row in rows:
            writer.writerow(row.cells)
            if row.wrong:
                wrong[row.number] = row.wrong
    return table, mapping, wrong


def rejected(path: Path) -> dict[int, list[dict[str, str]]]:
    """The lines of a reject file by row."""
    found: dict[int, list[dict[str, str]]] = defaultdict(list)
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line in csv.DictReader(file):
                found[int(line["row"])].append(line)
    return found


def misnamed(wrong: Mapping[int, str], found: Mapping[int, list[dict[str, str]]]) -> list[str]:
    """Where a reject file differs from what is wrong: rows too many, rows missing, or the wrong column."""
    differences = [f"row {row} is rejected for nothing" for row in found.keys() - wrong.keys()]
    for row, kind in wrong.items():
        if row not in found:
            differences.append(f"row {row} ({kind}) is not rejected")
        elif not any(_names(kind, line) for line in found[row]):
            differences.append(f"row {row} ({kind}) is rejected as {found[row][0]['reason']}")
    return differences


def _names(kind: str, line: Mapping[str, str]) -> bool:
    if kind == SAME_NUMBER:
        # The second one names another house; for the same house it would be STALE.
        return line["code"] == "UNIT_CHANGED"
    return "cells under" in line["reason"] if kind == TOO_FEW else line["column"] == kind
