"""The running front door keeps to its OpenAPI document, whatever it is sent."""

import re
import subprocess
import sys
from pathlib import Path

from qianbei.site import Site
from tests.support.door_client import known_client, site_token

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)


def test_no_request_breaks_the_contract_of_the_document(url: str, site: Site, tmp_path: Path) -> None:
    """Generated requests: no 5xx, no status or header that is not documented, no answer off its schema."""
    token = site_token(site, "bureau")[1]
    with known_client(url, token):
        pass
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{url}/openapi.json"),
        *("--header", f"Authorization: Bearer {token}"),
        # All queries come of one generator and one route: one of them stands for the others.
        *("--exclude-path-regex", "^/v1/query/(?!education/)"),
        *("--checks", ",".join(CHECKS)),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "3"),
        *("--max-time", "60"),
        *("--seed", "20261"),
        *("--generation-database", "none"),
        *("--request-timeout", "40"),
        # CPython 3.11 can fail to build syntax trees in two threads at once, which hypothesis does.
        *("--workers", "1"),
        "--no-color",
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    counted = re.search(r"(\d+) generated, (\d+) passed", ran.stdout)
    assert counted, ran.stdout[-3000:]
    assert int(counted[2]) > 200
