"""A department of the site that sees all sales, and ``qianbei backfill`` for it as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from broker.backfill.marks import Mark, marks_in
from broker.kafka import Connection, Groups, TopicPartition
from qianbei.site import environment_of
from tests.support.exchange import Exchange, until


def archive(name: str, version: int, *fields: str) -> str:
    """The site's file of a department that sees every sale."""
    return f"""
departments: [{name}]
zh: 城建档案馆
en: Archive of urban construction
principal: {{sends: {{feedback: [REPORTED, CHANGED, WITHDRAWN]}}}}
subjects:
  sale:
    version: {version}
    legal_basis: 城建档案共享协议
    purpose: {{zh: 归档, en: Archiving}}
    rows: all
    retention_days: 400
    fields: [{", ".join(fields)}]
    party_roles: {{parties: [BUYER]}}
"""


FIELDS = ("contract_no", "house_code", "total_price", "parties.role", "parties.name")


class Filler:
    """Runs of ``qianbei backfill`` for one department, one at a time."""

    def __init__(self, exchange: Exchange, department: str) -> None:
        self._site = exchange.site
        self._department = department
        self._process: subprocess.Popen[str] | None = None

    def start(self, rate: int) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("QIANBEI_", "SCHEMA_"))}
        site = self._site
        own = {"QIANBEI_SECRETS": str(site.secrets), "QIANBEI_HOME": str(site.secrets.parent)}
        command = [
            sys.executable,
            "-m",
            "qianbei",
            "backfill",
            self._department,
            "--rate",
            str(rate),
            "--json",
        ]
        self._process = subprocess.Popen(
            command,
            env=inherited | environment_of(site.admin) | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """``kill -9``, while it was at work."""
        assert self._process is not None
        assert self._process.poll() is None, self._process.communicate()
        self._process.kill()
        self._process.communicate()
        self._process = None

    def ended(self, patience_s: float = 60.0) -> tuple[int, dict[str, Any]]:
        """Its exit code and what it told."""
        assert self._process is not None
        out, err = self._process.communicate(timeout=patience_s)
        assert self._process.returncode in (0, 1), err
        return self._process.returncode, json.loads(out) if out else {}

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def marks(exchange: Exchange, topic: str) -> dict[TopicPartition, Mark]:
    """The marks of a topic."""
    with Groups(Connection.of(exchange.site.admin)) as groups:
        return marks_in(groups, [topic])[topic]


def filled_beyond(exchange: Exchange, topic: str, reached: int) -> int:
    """Wait until so many offsets are filled; gives how many are."""
    found = 0

    def enough() -> bool:
        nonlocal found
        found = sum(mark.offset for mark in marks(exchange, topic).values())
        return found > reached

    until(f"{topic} is filled beyond {reached}", enough)
    return found


def written(path: Path, text: str) -> str:
    """A site's file where it can be granted from."""
    path.write_text(text, encoding="utf-8")
    return str(path)
