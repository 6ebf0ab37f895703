"""The services: do they run, and do they keep up?"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from qianbei.doctor.finding import Finding, ok, warn
from qianbei.grants.taking import taken
from qianbei.inspect.lag import ServiceLag, measure
from qianbei.site import Site
from schemas.said import said

LATE_S = 60.0


def look(site: Site, home: Path) -> Iterator[Finding]:
    """Raises Unavailable, AccessDenied or ConfigError if a server cannot be asked."""
    for one in measure(site, home).services:
        yield judge_lag(one)
    installation = site.admin.installation()
    if installation.site:
        yield judge_taken(taken(home, installation.digest, patience_s=2.0))


def judge_taken(services: Mapping[str, bool]) -> Finding:
    """Every process knows the site's files as they are."""
    late = sorted(name for name, done in services.items() if not done)
    if late:
        return warn(
            said("site files"),
            said("not taken in by {late}", late=", ".join(late)),
            said(
                "read its log: it says what is wrong, and goes on with what it knew; a service on another folder than this one "
                "never learns of a grant"
            ),
        )
    return ok(
        said("site files"),
        said("known to all {count} processes here that decide or route", count=len(services)),
    )


def judge_lag(one: ServiceLag) -> Finding:
    """A service that has had a record for a minute is late, or does not run."""
    if one.oldest_s is not None and one.oldest_s > LATE_S:
        runs = (
            said("{count} processes are known here", count=len(one.instances))
            if one.instances
            else said("no process is known here")
        )
        return warn(
            one.service,
            said(
                "{behind:,} records behind, the oldest for {oldest_s:,.0f} s; {runs}",
                behind=one.behind,
                oldest_s=one.oldest_s,
                runs=runs,
            ),
            said(
                "see `qianbei status` and the service's log; start it (`qianbei up`), or add instances (`--instances 2`)"
            ),
        )
    return ok(one.service, said("{behind:,} records behind", behind=one.behind))
