"""A real Django project, as the manual of resqd.contrib has it, with the real daemon."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.django_project import MANUAL, Project
from tests.support.manual import commands
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import redis


@pytest.fixture
def project(tmp_path: Path, redis_url: str) -> Project:
    return Project(tmp_path / "project", redis_url)


def test_the_manuals_project(project: Project, redis_client: redis.Redis) -> None:
    """The view's job runs after the commit; each command of the manual does what it says, to its end by `drain`."""
    project.manage("resqd", "status", status=3)
    with project.daemon() as daemon:
        daemon.wait_for_line(r"1 jobs of resqd\.contrib\.django\.daemon:app")
        answer = re.search(r"answered (\d+)", project.get("/buy?customer=Ada"))
        assert answer is not None
        daemon.wait_for_line(rf"^order {answer[1]} of Ada$")
        for line in commands(MANUAL):
            assert line.startswith("python manage.py ")
            words = line.split()[2:]
            if words[1] not in {"start", "drain"}:
                project.manage(*words)
        daemon.wait_for_line(r"reloaded|reloading in place")
        wait_for(lambda: daemon.output().count(f"order {answer[1]} of Ada\n") == 2)
        status = json.loads(project.manage("resqd", "status", "--json"))
        assert (status["settings"]["worker_count"], status["settings"]["thread_count"]) == (2, 4)
        project.manage("resqd", "drain")
        assert daemon.wait() == 0
        daemon.expect_gone()
    assert redis_client.llen("resque:failed") == 0
