"""Bytes that no honest producer sends, made from a sound record by a seeded generator."""

import random
from collections.abc import Callable, Mapping

_HUGE = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"  # the longest positive Avro long


def _random_bytes(rng: random.Random, _sound: bytes) -> bytes:
    return rng.randbytes(rng.randrange(400))


def _truncated(rng: random.Random, sound: bytes) -> bytes:
    return sound[: rng.randrange(len(sound))]


def _flipped(rng: random.Random, sound: bytes) -> bytes:
    out = bytearray(sound)
    for _ in range(rng.randrange(1, 5)):
        out[rng.randrange(5, len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _unknown_schema(rng: random.Random, sound: bytes) -> bytes:
    return b"\x00" + rng.randrange(10_000, 2**32).to_bytes(4, "big") + sound[5:]


def _other_schema(rng: random.Random, sound: bytes) -> bytes:
    return b"\x00" + rng.randrange(100, 115).to_bytes(4, "big") + sound[5:]


def _huge_length(rng: random.Random, sound: bytes) -> bytes:
    at = rng.randrange(5, len(sound))
    return sound[:at] + _HUGE + sound[at:]


def _trailing(rng: random.Random, sound: bytes) -> bytes:
    return sound + rng.randbytes(rng.randrange(1, 50))


def _nul(rng: random.Random, sound: bytes) -> bytes:
    out = bytearray(sound)
    for _ in range(rng.randrange(1, 8)):
        out[rng.randrange(5, len(out))] = 0
    return bytes(out)


def _long_string(rng: random.Random, sound: bytes) -> bytes:
    return sound[:5] + b"\x80\x80\x80\x01" + b"x" * (1 << 20)


def _nested(rng: random.Random, sound: bytes) -> bytes:
    return sound[:5] + bytes([rng.choice((2, 0xFE, 0xFF, 1))]) * rng.randrange(1, 5_000)


POISONS: Mapping[str, Callable[[random.Random, bytes], bytes]] = {
    "random": _random_bytes,
    "truncated": _truncated,
    "flipped": _flipped,
    "unknown schema": _unknown_schema,
    "other schema": _other_schema,
    "huge length": _huge_length,
    "trailing": _trailing,
    "nul": _nul,
    "long string": _long_string,
    "nested": _nested,
}


def poisoned(kind: str, rng: random.Random, sound: bytes) -> bytes:
    """One poison of that kind."""
    return POISONS[kind](rng, sound)
