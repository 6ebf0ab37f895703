"""Verify a range of records that was exported from the exchange, with its public key and nothing of the exchange.

    python3 verify_range.py RANGE.jsonl PUBLIC_KEY_HEX [--checkpoints HELD.jsonl]

RANGE.jsonl comes from `qianbei audit export`: a line with topic and partition, one or two signed checkpoints, then the
records. The key is 64 hex digits, handed over by another way than the file. With --checkpoints, those in the file must be
among the ones that you have kept (`qianbei audit checkpoint export`).

Needs Python 3.10 and the package `cryptography`. Exit code 0 if everything holds, 1 if not.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Line = dict[str, Any]
Head = tuple[bytes, bytes, int]
"""SHA-256, SM3 and number of records of a chain."""


class Wrong(Exception):
    """What does not hold."""


def sized(value: bytes | None) -> bytes:
    """The length in 4 bytes (-1 for null), then the bytes."""
    if value is None:
        return (-1).to_bytes(4, "big", signed=True)
    return len(value).to_bytes(4, "big") + value


def unpacked(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def record_bytes(record: Line) -> bytes:
    """The bytes of a record as they are hashed."""
    out = record["offset"].to_bytes(8, "big", signed=True) + record["timestamp"].to_bytes(
        8, "big", signed=True
    )
    out += (
        sized(unpacked(record["key"]))
        + sized(unpacked(record["value"]))
        + len(record["headers"]).to_bytes(4, "big")
    )
    for name, value in record["headers"]:
        out += sized(name.encode()) + sized(unpacked(value))
    return out


def opened(line: Line, key: Ed25519PublicKey) -> Line:
    """The body of a checkpoint whose signature is right."""
    try:
        key.verify(bytes.fromhex(line["signature"]), line["checkpoint"].encode())
    except InvalidSignature:
        raise Wrong("the signature of a checkpoint is wrong") from None
    return json.loads(line["checkpoint"])


def head_at(bodies: list[Line], topic: str, partition: int, last: int) -> Head:
    """SHA-256, SM3 and number of records that a checkpoint signed at this offset."""
    for body in bodies:
        for head_topic, head_partition, at, records, sha256, sm3, _places in body["heads"]:
            if (head_topic, head_partition, at) == (topic, partition, last):
                return bytes.fromhex(sha256), bytes.fromhex(sm3), records
    raise Wrong(f"no checkpoint has signed {topic}/{partition} at {last}")


def beginning(topic: str, partition: int) -> Head:
    seed = f"qianbei audit 1\n{topic}\n{partition}".encode()
    return hashlib.sha256(seed).digest(), hashlib.new("sm3", seed).digest(), 0


def verify(lines: Iterator[str], key: Ed25519PublicKey, held: set[str] | None = None) -> str:
    """How many records of which range hold. Raises Wrong."""
    about = json.loads(next(lines))
    topic, partition = about["topic"], about["partition"]
    bodies, records = [], []
    for text in lines:
        line = json.loads(text)
        if "checkpoint" in line:
            bodies.append(opened(line, key))
            if held is not None and line["checkpoint"] not in held:
                raise Wrong(f"checkpoint {bodies[-1]['sequence']} is none of those that you have kept")
        else:
            records.append(line)
    after = about["after"]
    sha256, sm3, count = (
        beginning(topic, partition) if after < 0 else head_at(bodies, topic, partition, after)
    )
    before = after
    for record in records:
        if record["offset"] <= before:
            raise Wrong(f"{topic}/{partition}: offset {record['offset']} comes after {before}")
        before = record["offset"]
        body = record_bytes(record)
        sha256 = hashlib.sha256(sha256 + body).digest()
        sm3 = hashlib.new("sm3", sm3 + body).digest()
    if (sha256, sm3, count + len(records)) != head_at(bodies, topic, partition, about["to"]):
        raise Wrong(
            f"the records of {topic}/{partition} after {after} up to {about['to']} are not those that were signed"
        )
    return f"{len(records)} records of {topic}/{partition}, after {after} up to {about['to']}, are as they were signed"


def public_key(text: str) -> Ed25519PublicKey:
    """A key as it is handed over."""
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError:
        raise argparse.ArgumentTypeError("a public key is 64 hexadecimal digits") from None


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an exported range of records.")
    parser.add_argument("range")
    parser.add_argument("key", type=public_key, help="64 hex digits")
    parser.add_argument("--checkpoints", help="those that you have kept, as JSON Lines")
    options = parser.parse_args()
    held = None
    if options.checkpoints:
        with Path(options.checkpoints).open(encoding="utf-8") as file:
            held = {json.loads(line)["checkpoint"] for line in file}
    try:
        with Path(options.range).open(encoding="utf-8") as file:
            sys.stdout.write(verify(iter(file), options.key, held) + "\n")
    except Wrong as wrong:
        sys.stderr.write(f"NOT verified: {wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
