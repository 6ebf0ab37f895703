"""The schema registry: every released schema is registered, and none can be registered that breaks a reader."""

from collections.abc import Iterator

from broker.deploy import released_schemas
from broker.registry import Registry
from broker.settings import Settings
from qianbei.doctor.finding import Finding, fail, ok, some
from qianbei.doctor.kafka import DEPLOY
from schemas.said import said

LEVEL = "FULL_TRANSITIVE"


def look(settings: Settings) -> Iterator[Finding]:
    """Raises Unavailable or AccessDenied if the registry cannot be asked."""
    with Registry(settings.registry_url) as registry:
        wanted = list(released_schemas(settings.installation()))
        missing = {subject for subject, schema in wanted if registry.lookup(subject, schema) is None}
        level = registry.compatibility()
    yield ok(said("registry"), said("answers at {registry_url}", registry_url=settings.registry_url))
    yield judge_registered(missing, len(wanted))
    yield judge_level(level)


def judge_registered(missing: set[str], of: int) -> Finding:
    """Every schema that this version ships is registered."""
    if missing:
        return fail(
            said("schemas"),
            said(
                "{count} subjects lack a released version: {missing}",
                count=len(missing),
                missing=some(missing),
            ),
            DEPLOY,
        )
    return ok(said("schemas"), said("all {of} released versions are registered", of=of))


def judge_level(level: str) -> Finding:
    """Any two versions of a schema read each other."""
    if level != LEVEL:
        return fail(
            said("compatibility"),
            said("the registry's level is {level}, not {level2}", level=level, level2=LEVEL),
            DEPLOY,
        )
    return ok(said("compatibility"), LEVEL)
