"""The front door as a service: one process, one event loop, until it is told to stop."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from importlib.metadata import version

import structlog
import uvicorn
from fastapi import FastAPI

from broker.api.access import TokenBook
from broker.api.annex import Annex
from broker.api.app import create_app
from broker.api.edge import Edge
from broker.api.intake import Intake
from broker.api.ledger import Ledger
from broker.api.limits import Limits
from broker.api.live import Knowledge, LiveDoorway, know
from broker.api.protocol import protocol_for
from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.gov.counter import Counter
from broker.gov.opening import offered
from broker.gov.store import Store
from broker.kafka import Connection
from broker.learned import Learned
from broker.metrics import ServiceMetrics
from broker.query.access_log import AccessLog
from broker.query.definition import Offer
from broker.query.desk import Desk
from broker.query.reading import Library
from broker.query.registry import installed_offers
from broker.runner import Stop
from broker.settings import Listen, Settings
from broker.standing_memory import set_aside
from broker.topics import intake_topic
from schemas.said import said

STOP_S = 0.1
LOOK_S = 1.0
"""So often the front door looks whether the site's files have changed."""
Log = structlog.typing.FilteringBoundLogger


def serve(settings: Settings, metrics: ServiceMetrics, stop: Stop, log: Log) -> None:
    """Serve until SIGTERM or SIGINT, then let what is under way end.

    Raises ConfigError for an address or a certificate that cannot be used, AccessDenied if a server does not let us in.
    """
    # What uvicorn logs is said here or at the edge, without values and as events.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    listen = settings.front_door()
    tls = _tls(listen)
    learned = Learned(settings, know, metrics, log)
    learned.learn()
    asked, platform = installed_offers(learned.installation.entitlements), offered()
    with _bound(listen) as bound:
        asyncio.run(_Service(settings, listen, tls, learned, asked, platform, metrics, stop, log).run(bound))


def _tls(listen: Listen) -> ssl.SSLContext | None:
    """TLS 1.2 or newer; of 1.2 only what has forward secrecy and authenticates what it encrypts."""
    if listen.certfile is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    try:
        # The password is given so that nobody is asked for one at a terminal that is not there.
        context.load_cert_chain(listen.certfile, listen.keyfile, password="")
    except (OSError, ValueError):
        raise ConfigError(
            said(
                "{certfile} and {keyfile} are no certificate with its key: set QIANBEI_API_CERTFILE "
                "and QIANBEI_API_KEYFILE to PEM files that belong together, the key without a "
                "password",
                certfile=listen.certfile,
                keyfile=listen.keyfile,
            )
        ) from None
    return context


def _bound(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family, backlog=1024)
    except OSError as error:
        raise ConfigError(
            said(
                "the front door cannot listen on {host} port {port} ({strerror}): set "
                "QIANBEI_API_HOST and QIANBEI_API_PORT to an address of this machine that is free",
                host=listen.host,
                port=listen.port,
                strerror=error.strerror,
            )
        ) from None


class _Service:
    """What runs beside one another in the loop."""

    def __init__(
        self,
        settings: Settings,
        listen: Listen,
        tls: ssl.SSLContext | None,
        learned: Learned[Knowledge],
        offers: Sequence[Offer],
        platform: list[Offer],
        metrics: ServiceMetrics,
        stop: Stop,
        log: Log,
    ) -> None:
        self._settings = settings
        self._listen = listen
        self._tls = tls
        self._learned = learned
        self._offers = offers
        self._platform = platform
        self._metrics = metrics
        self._stop = stop
        self._log = log
        self._limits = Limits(rate=settings.api_rate)

    async def run(self, bound: socket.socket) -> None:
        principals = self._learned.installation.catalogue.members
        book = TokenBook(principals)
        intake = Intake(
            Connection.of(self._settings), map(intake_topic, principals), self._metrics, self._log
        )
        ledger = Ledger(self._settings.dsn(), self._settings.instance, book, self._metrics, self._log)
        library = Library(
            self._settings.dsn(),
            self._settings.party_key(),
            reckoning=self._settings.reckoning(),
            master_key_file=self._settings.master_key_file,
        )
        accesses = AccessLog(self._settings.dsn(), self._settings.instance, self._metrics, self._log)
        door = LiveDoorway(self._learned.knowledge, intake, ledger, accesses, self._settings.dsn())
        store = Store(self._settings.dsn())
        annexes: list[Annex] = [
            Desk(self._offers, library, accesses, self._log),
            Counter(self._platform, library, store, accesses, self._log),
        ]
        behind = [asyncio.create_task(one.run()) for one in (intake, ledger, accesses)]
        behind.append(asyncio.create_task(self._follow(door, book, intake)))
        # While it serves, uvicorn takes the signals itself; before that, and between, they are only noted.
        told = asyncio.create_task(_told(self._stop))
        opened = asyncio.create_task(_all(intake.opened, ledger.opened, accesses.opened))
        try:
            await asyncio.wait({*behind, told, opened}, return_when=asyncio.FIRST_COMPLETED)
            if opened.done() and not told.done():
                self._metrics.opened()
                async with library.opened(), store.opened():
                    app = create_app(door, book, self._limits, version("qianbei"), annexes)
                    set_aside()
                    await self._serve(bound, app, {*behind, told})
        finally:
            opened.cancel()
            told.cancel()
            await _end(behind)
            door.close()

    async def _follow(self, door: LiveDoorway, book: TokenBook, intake: Intake) -> None:
        """Take in what the site grants or revokes, without a connection being lost for it."""
        taken = True
        while True:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(self._learned.outdated) or not taken:
                taken = await self._take_in(door, book, intake)

    async def _take_in(self, door: LiveDoorway, book: TokenBook, intake: Intake) -> bool:
        """Whom we do not know any more is refused first; whom we know now is let in last, when all else is ready."""
        principals = frozenset(self._learned.installation.catalogue.members)
        book.admit(principals & book.principals)
        door.learn(self._learned.knowledge)
        try:
            await intake.learn(map(intake_topic, sorted(principals)))
        except (AccessDenied, ConfigError, Unavailable) as error:
            self._log.warning("intake not known yet", reason=type(error).__name__, detail=str(error))
            return False
        book.admit(principals)
        return True

    async def _serve(self, bound: socket.socket, app: FastAPI, until: set[asyncio.Task[None]]) -> None:
        server = uvicorn.Server(self._config(Edge(app, self._metrics, self._log)))
        self._log.info("front door open", url=self._listen.url)
        serving = asyncio.create_task(server.serve([bound]))
        await asyncio.wait({serving, *until}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving

    def _config(self, app: Edge) -> uvicorn.Config:
        tls = self._tls
        return uvicorn.Config(
            app,
            http=protocol_for(self._limits),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=self._limits.header_bytes,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )


async def _all(*events: asyncio.Event) -> None:
    for event in events:
        await event.wait()


async def _told(stop: Stop) -> None:
    """Wait until we are told to stop; signals set a flag of threads, which no loop can wait for."""
    while not stop.is_set():  # noqa: ASYNC110
        await asyncio.sleep(STOP_S)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Stop the tasks; raises what one of them ended with by itself."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseExceptionGroup):
            raise outcome.exceptions[0]
        if isinstance(outcome, Exception):
            raise outcome
