"""Whether a disk has room, asked before a start: a server that meets a full disk half-way damages less, but
says less."""

import shutil
from pathlib import Path

from qianbei.stack.errors import StackError
from schemas.said import said

MIB = 1024**2


def require_free(path: Path, needed: int) -> None:
    """`StackError` unless the file system of `path` has `needed` bytes free."""
    place = path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise StackError(
            said(
                "the disk is nearly full: {free} MiB free, {needed} MiB needed",
                free=free // MIB,
                needed=needed // MIB,
            ),
            str(path),
            said("free some space, or choose another QIANBEI_HOME"),
        )
