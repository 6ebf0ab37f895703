"""Logs as events with keys, by structlog: JSON lines unless a person looks on. No personal value is ever logged."""

import logging
import sys

import structlog


def configure(*, level: str = "INFO", json: bool | None = None) -> None:
    """Set up logging once, at the edge of a process. ``json`` defaults to: standard error is no terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else structlog.dev.ConsoleRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.dict_tracebacks if as_json else _keep, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # kafka-python logs every reconnect; what matters of it reaches us as exceptions.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def _keep(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event


def get_logger(service: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose events carry the service's name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(service=service)
    return logger
