"""The manual's examples for Flask, FastAPI, SQLAlchemy and others, each with a program that enqueues and a daemon."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon
from tests.support.django_project import MANUAL, ROOT
from tests.support.manual import examples

if TYPE_CHECKING:
    from pathlib import Path

FLASK = "from flask_shop import web; print(web.test_client().post('/users/Ada').status)"
FASTAPI = """
from fastapi.testclient import TestClient
from fastapi_shop import web
client = TestClient(web)
print(client.post('/users/Ada').status_code, client.post('/visits/Bob').status_code)
"""
SQLALCHEMY = "from sqlalchemy_shop import *; Base.metadata.create_all(engine); buy('Ada'); buy('Bob')"
OUTBOX = """
import subprocess, sys
from sqlalchemy_outbox import *
Base.metadata.create_all(engine)
buy('Ada')
command = [sys.executable, '-m', 'resqd', 'outbox', '--once', '--app', 'sqlalchemy_outbox:app']
subprocess.run(command, check=True)
"""
OTEL = "from traced_shop import welcome; welcome.enqueue('Ada')"


@pytest.mark.parametrize(
    ("module", "code", "lines"),
    [
        ("flask_shop", FLASK, ["welcome, Ada"]),
        ("fastapi_shop", FASTAPI, ["welcome, Ada", "welcome, Bob"]),
        ("sqlalchemy_shop", SQLALCHEMY, ["order 1 of Ada", "order 2 of Bob"]),
        ("sqlalchemy_outbox", OUTBOX, ["order 1 of Ada"]),
        ("traced_shop", OTEL, ["welcome, Ada"]),
    ],
    ids=["flask", "fastapi", "sqlalchemy", "outbox", "opentelemetry"],
)
def test_the_example_enqueues_and_runs(
    module: str, code: str, lines: list[str], tmp_path: Path, redis_url: str
) -> None:
    """What the web's side enqueues, the daemon of the same module runs, each job once."""
    for name, text in examples(MANUAL).items():
        if "/" not in name:
            (tmp_path / name).write_text(text)
    environ = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "REDIS_URL": redis_url}
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, **environ}, check=True, timeout=60
    )
    with Daemon(
        "--app", f"{module}:app", "--burst", folder=tmp_path, environ=environ, cwd=tmp_path
    ) as daemon:
        for line in lines:
            daemon.wait_for_line(f"^{line}$", 20)
        assert daemon.wait() == 0
        daemon.expect_gone()
    assert [line for line in daemon.output().splitlines() if line in lines] == lines
