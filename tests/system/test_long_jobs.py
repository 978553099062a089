"""Long jobs: a drain, a pause, a stop, a failure or a crash ends one soon, and it goes on from its cursor."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from resqd.cli.resqd import main
from tests.support.station import Station
from tests.support.waiting import wait_for

ROWS = 1_000_000
"""More than any of these tests gets done."""


def rows(folder: Path, tag: str = "big") -> list[int]:
    """What the export has written down, in order; a line that is being written is none yet."""
    path = folder / f"{tag}.rows"
    return [int(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def begun(folder: Path, station: Station, rows_done: int = 200) -> None:
    """Until so many rows are done."""
    station.wait_begun("big")
    wait_for(lambda: len(rows(folder)) >= rows_done, 20, what="rows are done")


def waiting(station: Station) -> list[dict[str, Any]]:
    """The payloads in the queue."""
    return [json.loads(raw) for raw in station.redis.lrange("resque:queue:q", 0, -1)]


def froms(station: Station) -> list[list[int]]:
    """For each start of the export: its first row, its try, and the processes that were lost."""
    kinds = [line.split()[0] for line in station.journal.read_text().splitlines()]
    return [[int(part) for part in kind.split(":")[1:]] for kind in kinds if kind.startswith("from:")]


def test_a_drain_does_not_wait_for_an_export(tmp_path: Path, redis_url: str) -> None:
    """It goes back in a second, uncharged, and the next daemon goes on with the very next row."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("export", "big", ROWS)
        begun(tmp_path, station)
        station.call("drain")
        assert station.wait(3) == 0
        [payload] = waiting(station)
        assert list(payload)[:2] == ["deliveries", "cursor"]
        assert payload["deliveries"] == 0
        assert station.failures() == {}
        assert station.redis.keys("resque:resqd:inflight*") == []
    done = len(rows(tmp_path))
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        wait_for(lambda: len(rows(tmp_path)) > done + 100, 20, what="it goes on")
        assert station.stop() == 0
    assert rows(tmp_path)[: done + 100] == list(range(done + 100))
    station.redis.close()


@pytest.mark.parametrize("term", ["drain", "requeue"])
def test_so_does_a_term_that_spares_jobs(tmp_path: Path, redis_url: str, term: str) -> None:
    """A row that was being worked on may come again where a stop interrupts it; none is left out."""
    with Station(folder=tmp_path, url=redis_url, workers=1, RESQD_TERM=term) as station:
        station.push("export", "big", ROWS)
        begun(tmp_path, station)
        assert station.stop(seconds=5) == 0
        assert [payload["deliveries"] for payload in waiting(station)] == [0]
        assert (station.failures(), station.notes("ended")) == ({}, [])
    done = rows(tmp_path)[-1]
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        wait_for(lambda: rows(tmp_path)[-1] > done, 20, what="it goes on")
        assert station.stop() == 0
        found = froms(station)[-1]
    assert found[1:] == [1, 0]
    assert done <= found[0] <= done + 1
    assert sorted(set(rows(tmp_path))) == list(range(rows(tmp_path)[-1] + 1))


def test_a_pause_and_a_failure_keep_the_place(tmp_path: Path, redis_url: str) -> None:
    """Paused, the job waits in its queue; a try that fails is followed by one behind the last row that was done."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("export", "big", ROWS)
        begun(tmp_path, station)
        station.call("pause")
        wait_for(lambda: len(waiting(station)) == 1, 3, what="it is back in its queue")
        paused = len(rows(tmp_path))
        station.call("resume")
        wait_for(lambda: len(rows(tmp_path)) > paused, 20, what="it goes on")
        (tmp_path / "stumble").touch()
        wait_for(lambda: len(froms(station)) == 3, 20, what="it is tried again")
        station.stop()
        assert [start[1:] for start in froms(station)] == [[1, 0], [1, 0], [2, 0]]
        assert froms(station)[1][0] == paused
    assert rows(tmp_path) == list(range(len(rows(tmp_path))))


def test_a_crash_goes_on_from_the_last_checkpoint(tmp_path: Path, redis_url: str) -> None:
    """Ten SIGKILLs convict nobody who gets on; what was kept by hand is lost for some milliseconds at the most."""
    with Station(folder=tmp_path, url=redis_url, workers=1, RESQD_MAX_DELIVERIES="3") as station:
        station.push("steps", "big", 100_000)
        for life in range(1, 11):
            before = len(station.notes("step"))
            wait_for(lambda: len(station.notes("step")) > before + 40, 20, what="it gets on")  # noqa: B023 - waited for here
            station.kick(station.worker_of_step(), signal.SIGKILL)
            wait_for(lambda: len(froms(station)) > life, 30, what="it begins again")  # noqa: B023 - the same
        assert station.failures() == {}
        station.stop()
        steps = [int(step) for step in station.notes("step")]
        starts = froms(station)
        assert all(lost == 1 for _, lost in starts[1:])
    again = [after for after, before in zip(steps[1:], steps, strict=False) if after <= before]
    assert len(again) <= len(starts) - 1
    behind = [before - after for after, before in zip(steps[1:], steps, strict=False) if after != before + 1]
    assert all(0 <= rows_lost < 60 for rows_lost in behind)
    assert sorted(set(steps)) == list(range(1, max(steps) + 1))


def test_a_worker_that_is_to_be_replaced_does_not_wait(tmp_path: Path, redis_url: str) -> None:
    """Its successor goes on with the export; a job that has a fork to itself stays there."""
    with Station("--jobs-per-fork", "2", folder=tmp_path, url=redis_url, workers=1, threads=2) as station:
        station.push("export", "big", ROWS)
        begun(tmp_path, station)
        station.push("quick", "other")
        wait_for(lambda: len(froms(station)) == 2, 20, what="it goes on in another process")
        assert [start[1:] for start in froms(station)] == [[1, 0], [1, 0]]
        first, second = (
            line.split()[2] for line in station.journal.read_text().splitlines() if "begun" in line
        )
        assert first != second
        station.stop()
    assert rows(tmp_path) == list(range(len(rows(tmp_path))))


def test_progress_is_shown(tmp_path: Path, redis_url: str) -> None:
    """In the status of the daemon, and by what other hosts see."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("export", "big", ROWS)
        begun(tmp_path, station)

        def shown() -> Any:
            return next(
                (thread["job"]["progress"] for thread in station.workers()[0]["threads"] if thread["job"]),
                None,
            )

        told = wait_for(shown, 5, what="it is in the status")
        assert (told["total"], told["note"]) == (ROWS, "rows")
        assert 0 < told["done"] <= len(rows(tmp_path))

        def elsewhere() -> Any:
            printed = CliRunner().invoke(main, ["workers", "--json", "--redis-url", redis_url]).stdout
            return next(
                (job["progress"] for worker in json.loads(printed) for job in worker["running"]), None
            )

        first = wait_for(elsewhere, 10, what="it is in Redis")
        wait_for(lambda: elsewhere()["done"] > first["done"], 10, what="it moves on")
        printed = CliRunner().invoke(main, ["workers", "--redis-url", redis_url]).stdout
        assert "of 1,000,000) rows" in printed
        station.stop()
