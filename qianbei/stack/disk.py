"""Whether a disk has room, asked before a start: a server that meets a full disk half-way damages less, but
says less."""

import shutil
from pathlib import Path

from qianbei.stack.errors import StackError

MIB = 1024**2


def require_free(path: Path, needed: int) -> None:
    """`StackError` unless the file system of `path` has `needed` bytes free."""
    place = path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise StackError(
            f"the disk is nearly full: {free // MIB} MiB free, {needed // MIB} MiB needed",
            str(path),
            "free some space, or choose another QIANBEI_HOME",
        )
