"""The entitlements in force at this site: those shipped, changed by the site's own files, which are read anew here.

A site file names one department. ``revoked``: it sees nothing any more, and its topics are kept as they are. ``like``: it
sees what a shipped department sees; else what its own ``subjects`` say; with neither, what is shipped for it.
``granted`` says since when; ``retired`` names earlier versions of topics that are sent nothing any more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from broker.topics import dept_topic
from qianbei.verify.entitlement import Rule, rules_for, shipped_contents

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Granted:
    """The rules in force, the departments that are revoked, and the topics that are retired."""

    rules: tuple[Rule, ...]
    revoked: frozenset[str]
    retired: frozenset[str] = frozenset()


def granted_at(folder: Path | None) -> Granted:
    """What is in force where the site's files lie in ``folder``; None: what is shipped."""
    paths = [] if folder is None else sorted(folder.glob("*.yaml"))
    return granted_by([yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths])


def granted_by(site: Iterable[Content], shipped: Iterable[Content] | None = None) -> Granted:
    """What these files, parsed, put in force."""
    by_department = {
        department: content
        for content in (shipped_contents() if shipped is None else shipped)
        for department in content["departments"]
    }
    in_force: dict[str, tuple[Content, int | None]] = {name: (c, None) for name, c in by_department.items()}
    revoked, retired = set(), set()
    for content in site:
        (name,) = content["departments"]
        retired |= {f"dept.{name}.{version}" for version in content.get("retired", ())}
        if "revoked" in content:
            revoked.add(name)
            in_force.pop(name, None)
            continue
        seen = by_department.get(content.get("like") or name, {}) if not content.get("subjects") else content
        in_force[name] = (seen, _ms(content["granted"]) if "granted" in content else None)
    rules = [rule for name, (content, since) in in_force.items() for rule in rules_for(name, content, since)]
    newest: dict[tuple[str, str], int] = {}
    for one in rules:
        newest[one.department, one.subject] = max(newest.get((one.department, one.subject), 0), one.version)
    # Only an earlier version can be retired.
    retired -= {dept_topic(department, subject, version) for (department, subject), version in newest.items()}
    left = (r for r in rules if dept_topic(r.department, r.subject, r.version) not in retired)
    return Granted(tuple(left), frozenset(revoked), frozenset(retired))


def _ms(at: datetime | str) -> int:
    """A time as YAML gives it, with or without quotes."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return int(moment.timestamp() * 1000)
