"""Reading a request's body: bounded in size and in time while it is read, then strict JSON."""

import asyncio
import json
from collections import Counter
from decimal import Decimal
from typing import Any

from starlette.requests import ClientDisconnect, Request

from broker.api.problems import ProblemError, invalid
from schemas.jsonform import Problem

_DRAIN_BYTES = 4 * 1024 * 1024
_DRAIN_S = 2.0
_CLOSE = {"Connection": "close"}
_ASIDE_BYTES = 64 * 1024
"""Reading more JSON than this takes milliseconds, in which nobody else would be served: it is done on another thread."""


async def read_json(request: Request, max_bytes: int, max_s: float) -> Any:
    """The body as JSON, with numbers that have a point as Decimal.

    Raises ProblemError 400, 408, 413, 415 or 422, before anything is done with the content.
    """
    require_json(request)
    body = await read_bytes(request, max_bytes, max_s)
    return parsed(body) if len(body) < _ASIDE_BYTES else await asyncio.to_thread(parsed, body)


def require_json(request: Request) -> None:
    """The body must be declared as JSON. Raises ProblemError 415."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise ProblemError(
            "unsupported-media-type",
            "the body is not declared as JSON",
            "send Content-Type: application/json",
            headers=_CLOSE,
        )


async def read_bytes(request: Request, max_bytes: int, max_s: float) -> bytes:
    """The body as it was sent. Raises ProblemError 400, 408 or 413."""
    try:
        declared = int(request.headers.get("content-length", "0"))
    except ValueError:
        raise ProblemError(
            "bad-request", "Content-Length is no number", "send its length in bytes", headers=_CLOSE
        ) from None
    if declared > max_bytes and "expect" in request.headers:
        # It asks before it sends: it reads the answer at once.
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(max_s):
            async for part in request.stream():
                body += part
                if max(len(body), declared) > max_bytes:
                    break
    except TimeoutError:
        raise ProblemError(
            "timeout",
            f"the body did not arrive within {max_s:g} s",
            "send it without pauses",
            headers=_CLOSE,
        ) from None
    except ClientDisconnect:
        raise ProblemError(
            "bad-request", "the client left before the body was sent", "send it again"
        ) from None
    if max(len(body), declared) > max_bytes:
        await _drain(request)
        raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> ProblemError:
    return ProblemError(
        "too-large",
        f"a body of more than {max_bytes} bytes",
        "send less; name attachments by their address",
        headers=_CLOSE,
    )


async def _drain(request: Request) -> None:
    """Throw away what still comes, for a moment: many clients read no answer before they have sent everything."""
    drained = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for part in request.stream():
                drained += len(part)
                if drained > _DRAIN_BYTES:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return


def parsed(body: bytes) -> Any:
    """Strict JSON: UTF-8, no name twice in an object, no NaN. Raises ProblemError 400 or 422."""
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=_without_repeats,
        )
    except UnicodeDecodeError:
        raise ProblemError("bad-request", "the body is not UTF-8", "send JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise ProblemError(
            "bad-request", f"the body is no JSON ({error.msg} at {error.lineno}:{error.colno})", "send JSON"
        ) from None
    except (RecursionError, ValueError):
        raise ProblemError(
            "bad-request",
            "the JSON nests too deep or holds a number that is none or too long",
            "send the content as it is documented",
        ) from None


def _no_constant(_name: str) -> Any:
    raise ValueError


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # json would keep the last one and lose the others without a word.
        repeated = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        shown = repeated if repeated.isidentifier() and repeated.isascii() else ""
        raise invalid([Problem(shown[:64], "a field that is there twice", "keep one of them")])
    return found
