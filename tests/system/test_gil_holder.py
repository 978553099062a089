"""A job that holds the GIL from its first instruction on: seen, named and killed at once, though its worker is mute."""

import time
from pathlib import Path
from typing import Any

import redis

from resqd.app import App
from tests.support.proxy import Proxy
from tests.support.server import Server
from tests.support.station import GRACE, Station
from tests.support.waiting import wait_for

AT_ONCE = 1.0
"""Seconds; the worker itself says nothing before the job ends, and counts as silent after five."""


def named(station: Station, tag: str) -> dict[str, Any] | None:
    jobs = [thread["job"] for worker in station.workers() for thread in worker["threads"] if thread["job"]]
    return next((job for job in jobs if job["id"] == tag), None)


def test_it_is_in_every_view_at_once(tmp_path: Path, redis_url: str) -> None:
    """`status` and the process title name it, the master counts it, and a little later web pages show it."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("quick", "first")
        station.wait_ended("first")
        wait_for(lambda: station.titled("Waiting for q"), what="the worker idles")
        station.push("regex", "holder")
        station.wait_begun("holder")
        job = wait_for(lambda: named(station, "holder"), AT_ONCE)
        assert (job["class"], job["queue"]) == ("regex", "q")
        assert 0 <= job["running_s"] < 5
        assert station.titled("Processing: regex")
        assert not station.titled("Waiting")
        wait_for(lambda: station.titled("1 running"), AT_ONCE, what="the master's title counts it")

        def shown() -> bool:
            running = [job for worker in App(redis_url).workers.all() for _, job in worker.jobs_running()]
            return any(job == {"class": "regex", "args": ["…"], "id": "holder"} for job in running)

        wait_for(shown, 5, what="the registry shows it")


def test_it_is_named_and_killed_while_redis_is_mute(tmp_path: Path, valkey_server: Server) -> None:
    """From its first moment on: neither its worker nor the housekeeper can say anything of it."""
    with Proxy(valkey_server.socket) as proxy:
        with redis.Redis.from_url(valkey_server.url()) as client:
            client.flushdb()
        with Station(folder=tmp_path, url=proxy.url, workers=1) as station:
            station.push("regex", "holder")
            station.wait_begun("holder")
            proxy.silence(3)
            wait_for(lambda: named(station, "holder"), AT_ONCE)
            began = time.monotonic()
            assert station.call("kill", job_id="holder")["ok"]
            assert time.monotonic() - began < GRACE + 2
            with redis.Redis.from_url(valkey_server.url()) as client:
                wait_for(lambda: client.llen("resque:failed") == 1, 15)
            station.push("quick", "next")
            station.wait_ended("next")
            assert station.failures() == {"holder": "DirtyExit"}
