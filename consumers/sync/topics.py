"""Which topics a target is kept from: one a subject, the newest version unless the target is built already. Pure."""

import re
from collections.abc import Iterable, Mapping

from broker.errors import ConfigError
from schemas.said import said

_NAME = re.compile(r"dept\.(?P<department>.+)\.(?P<subject>[a-z_]+)\.v(?P<version>[1-9][0-9]*)")


def versions_of(department: str, visible: Iterable[str]) -> dict[str, dict[int, str]]:
    """The department's topics among those that can be seen: by subject and version."""
    found: dict[str, dict[int, str]] = {}
    for topic in visible:
        match = _NAME.fullmatch(topic)
        if match and match["department"] == department:
            found.setdefault(match["subject"], {})[int(match["version"])] = topic
    return found


def chosen(department: str, visible: Iterable[str], kept: Mapping[str, str]) -> dict[str, str]:
    """The topic of each subject, where ``kept`` are those that the target is kept from so far.

    A subject stays with its topic: a new version may show other fields and is filled from history, which takes new
    tables (a rebuild). Raises ConfigError if there is none at all, or one that was kept is to be seen no longer.
    """
    seen = versions_of(department, visible)
    if not seen:
        raise ConfigError(
            said(
                "no topic of {department} is to be seen: check the name, the user, and that the "
                "exchange is deployed",
                department=department,
            )
        )
    for subject, topic in kept.items():
        if topic not in seen.get(subject, {}).values():
            raise ConfigError(
                said(
                    "{topic} is to be seen no longer: if its entitlement has ended or changed, build the "
                    "tables anew with --rebuild",
                    topic=topic,
                )
            )
    newest = {subject: versions[max(versions)] for subject, versions in seen.items()}
    return dict(sorted((newest | dict(kept)).items()))


def superseded(department: str, visible: Iterable[str], kept: Mapping[str, str]) -> dict[str, str]:
    """The kept topics of which there is a newer version: the kept one to the newest."""
    seen = versions_of(department, visible)
    newest = {subject: versions[max(versions)] for subject, versions in seen.items()}
    return {topic: newest[subject] for subject, topic in kept.items() if newest.get(subject, topic) != topic}
