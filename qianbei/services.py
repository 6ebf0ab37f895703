"""The services as processes: what each needs, how it is run, how several are started and stopped.

Admission, routing, compaction and report are consume loops, one session after another (``broker.runner``); the front door is an
HTTP server. Both are a ``Work``: a function that returns when it is told to stop.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TypeVar

import structlog

from broker import logging
from broker.admission import opening as admission
from broker.api import server as front_door
from broker.audit import opening as audit
from broker.compaction import opening as compaction
from broker.kafka import Admin, Connection, PartitionReader
from broker.learned import Learned
from broker.metrics import ServiceMetrics, served
from broker.report import opening as report
from broker.report.gauges import Gauges
from broker.routing import opening as routing
from broker.runner import Session, Stop, run
from broker.settings import Settings
from broker.standing_memory import set_aside
from broker.store import roles
from broker.store.connect import connected
from broker.topics import ADMISSION, API, AUDIT, COMPACTION, REPORT, ROUTING
from qianbei.site import Site, environment_of
from qianbei.stack import Child, Supervisor
from qianbei.stack.ports import free_port
from qianbei.stack.probes import Probe, answers, http_ok
from schemas.installation import Installation

K = TypeVar("K")
Log = structlog.typing.FilteringBoundLogger
Work = Callable[[Settings, ServiceMetrics, Stop, Log], None]


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its Kafka user, its Postgres role, and its work."""

    name: str
    user: str
    role: str | None
    work: Work
    listens: bool = False
    """Whether clients connect to it: then it has a port of its own, which stays the same."""
    always: bool = True
    """Whether it is started with the others; if not, it is asked for by name."""


def _loop(
    group: str,
    know: Callable[[Settings, Installation], K],
    session: Callable[[Settings, K, ServiceMetrics], AbstractContextManager[Session]],
) -> Work:
    """The work of a service that consumes as a member of ``group``."""

    def work(settings: Settings, metrics: ServiceMetrics, stop: Stop, log: Log) -> None:
        learned = Learned(settings, know, metrics, log)
        learned.learn()
        set_aside()
        joined_by: str | None = None

        def opened() -> AbstractContextManager[Session]:
            nonlocal joined_by
            # A member with a stable name that comes back is given what it had; what it subscribes to anew is not
            # looked at, and nobody would read it. So it leaves first, unless it knows what it knew when it joined.
            if learned.installation.digest != joined_by:
                with Admin(Connection.of(settings)) as admin:
                    admin.leave_group(group, f"{group}-{settings.instance}")
                joined_by = learned.installation.digest
            return session(settings, learned.knowledge, metrics)

        run(opened, stop, metrics, log, outdated=learned.outdated)

    return work


def _know_compaction(settings: Settings, _installation: Installation) -> compaction.Knowledge:
    """What compaction folds does not depend on who is there."""
    return compaction.know(settings)


def _report(settings: Settings, metrics: ServiceMetrics, stop: Stop, log: Log) -> None:
    """The work of the report service, which shows its figures from one session to the next."""
    session = partial(report.session, Gauges(metrics.registry))
    _loop(REPORT, report.know, session)(settings, metrics, stop, log)


SERVICES: Mapping[str, Service] = {
    service.name: service
    for service in (
        Service("admission", ADMISSION, roles.ADMISSION, _loop(ADMISSION, admission.know, admission.session)),
        Service("routing", ROUTING, None, _loop(ROUTING, routing.know, routing.session)),
        Service(
            "compaction",
            COMPACTION,
            roles.COMPACTION,
            _loop(COMPACTION, _know_compaction, compaction.session),
        ),
        Service("report", REPORT, roles.REPORT, _report),
        Service("api", API, roles.API, front_door.serve, listens=True),
        Service("audit", AUDIT, roles.AUDIT, _loop(AUDIT, audit.know, audit.session), always=False),
    )
}


def serve(service: Service, settings: Settings) -> None:
    """Run a service in this process until SIGTERM or SIGINT.

    Raises Unavailable or AccessDenied if a server cannot be used at the start; later it waits for them.
    """
    logging.configure()
    log = logging.get_logger(service.name).bind(instance=settings.instance)
    metrics = ServiceMetrics(service.name)
    _require_servers(settings)
    stop = threading.Event()
    with stopping(stop), served(metrics, settings.metrics_port) as metrics_port:
        log.info("started", kafka=settings.kafka_bootstrap, metrics_port=metrics_port)
        service.work(settings, metrics, stop, log)
        log.info("stopped")


def _require_servers(settings: Settings) -> None:
    with PartitionReader(Connection.of(settings)):
        pass
    if settings.postgres_dsn is not None:
        with connected(settings.dsn(), "qianbei start"):
            pass


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """While the block runs, SIGTERM and SIGINT set the flag instead of ending the process."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def instance_name(service: Service, instance: int | str) -> str:
    """The name of a service's process."""
    return f"{service.name}-{instance}"


def child(site: Site, service: Service, instance: int) -> Child:
    """How to run one instance as a supervised process, with its metrics on a free loopback port.

    Its ``port`` is what clients connect to, or that of the metrics where none do.
    """
    port = free_port()
    ports = {"metrics_port": port}
    name = instance_name(service, instance)
    if service.listens:
        ports["api_port"] = port = site.listening_port(name, instance)
    settings = site.settings(service.user, role=service.role, instance=str(instance))
    own = environment_of(settings.model_copy(update=ports))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QIANBEI_")}
    return Child(
        name=name,
        argv=(sys.executable, "-m", "qianbei", "service", service.name),
        env=inherited | own,
        ready=_listens(site.admin.api_host, port) if service.listens else http_ok(port, "/metrics"),
        grace_seconds=15.0,
        port=port,
    )


def _listens(host: str, port: int) -> Probe:
    """Ready when a client on this machine can connect; who listens on every address listens on loopback too."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return lambda _log: answers(port, reached)


def start_services(
    site: Site, supervisor: Supervisor, instances: int, also: Collection[str] = ()
) -> list[str]:
    """Start the services, and ``also`` those that do not always run: what does not run, wait until it does, and return the names that were started."""
    wanted = [child(site, service, n) for service in started_services(also) for n in range(instances)]
    started = [one for one in wanted if supervisor.start(one)]
    supervisor.wait_ready(*started)
    return [one.name for one in started]


def started_services(also: Collection[str] = ()) -> list[Service]:
    """The services that always run, and ``also`` those of these names."""
    return [service for service in SERVICES.values() if service.always or service.name in also]


def running_services(supervisor: Supervisor) -> list[str]:
    """The names of all service processes that were started and not stopped."""
    return [name for name in supervisor.names() if name.rsplit("-", 1)[0] in SERVICES]
