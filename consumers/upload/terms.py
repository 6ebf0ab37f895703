"""Whether a filing may go as it is: what it lacks, and what the configuration says of that."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from consumers.upload.config import UploadFile
from consumers.upload.filing import Filing


@dataclass(frozen=True, slots=True)
class Judged:
    """``filing`` as it is sent, with placeholders; None: withheld. ``missing``: all required items that it lacks."""

    filing: Filing | None
    missing: tuple[str, ...]


def judge(filing: Filing, missing: Iterable[str], terms: UploadFile) -> Judged:
    """Judge a filing that lacks ``missing`` by the standard itself."""
    required = terms.require.get(filing.key.subject, ())
    lacking = tuple(sorted({*missing, *(name for name in required if name not in filing.items)}))
    if not lacking:
        return Judged(filing, ())
    if terms.incomplete == "withhold" or not set(lacking) <= set(terms.placeholders):
        return Judged(None, lacking)
    filled = filing.items | {name: terms.placeholders[name] for name in lacking}
    return Judged(replace(filing, items=filled), lacking)


def fingerprint(terms: UploadFile) -> str:
    """Changes when the terms by which filings are judged change."""
    parts = [terms.incomplete, {k: list(v) for k, v in terms.require.items()}, dict(terms.placeholders)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
