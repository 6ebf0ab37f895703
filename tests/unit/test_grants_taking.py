"""Who has taken the site's files in: told by each process itself, and not guessed where none answers."""

import socket
from pathlib import Path

from broker.metrics import ServiceMetrics, served
from qianbei.grants.taking import taken


def test_each_process_tells_what_it_knows(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    knows, late, fresh = ServiceMetrics("admission"), ServiceMetrics("routing"), ServiceMetrics("routing")
    knows.knows("new")
    late.knows("old")
    with (
        served(knows, 0) as one,
        served(late, 0) as other,
        served(fresh, 0) as third,
        socket.create_server(("127.0.0.1", 0)) as gone,
    ):
        ports = {
            "admission-0": one,
            "routing-0": other,
            "routing-1": third,
            "routing-2": gone.getsockname()[1],
        }
        gone.close()
        for name, port in ports.items():
            (tmp_path / "run" / f"{name}.metrics").write_text(str(port))
        assert taken(tmp_path, "new", 0.3) == {"admission-0": True, "routing-0": False, "routing-1": False}
        late.knows("new")
        fresh.knows("new")
        assert taken(tmp_path, "new", 5) == {"admission-0": True, "routing-0": True, "routing-1": True}
