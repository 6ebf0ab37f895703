"""The services: do they run, and do they keep up?"""

from collections.abc import Iterator
from pathlib import Path

from qianbei.doctor.finding import Finding, ok, warn
from qianbei.inspect.lag import ServiceLag, measure
from qianbei.site import Site
from schemas.said import said

LATE_S = 60.0


def look(site: Site, home: Path) -> Iterator[Finding]:
    """Raises Unavailable, AccessDenied or ConfigError if a server cannot be asked."""
    for one in measure(site, home).services:
        yield judge_lag(one)


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
