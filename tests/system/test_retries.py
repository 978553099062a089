"""What becomes of jobs that fail and may be tried again, in the real daemon, until they would be due."""

import json
from pathlib import Path

import pytest

from resqd.app import App
from tests.support.station import Station
from tests.support.waiting import wait_for


def compact(payload: dict[str, object]) -> str:
    """As a worker that retries it has written it."""
    return json.dumps(payload, separators=(",", ":"))


@pytest.mark.parametrize("jobs_per_fork", ["0", "1"])
def test_a_failed_job_waits_for_its_next_try(tmp_path: Path, redis_url: str, jobs_per_fork: str) -> None:
    """It is counted, its hook called, no failure recorded; each way to ask for it has its delay."""
    with Station(
        "--jobs-per-fork", jobs_per_fork, folder=tmp_path, url=redis_url, workers=1, threads=1
    ) as station:
        for how in ("fail", "later", "snooze"):
            station.push("retried", how, how)
        wait_for(lambda: len(station.later()) == 3, 10, what="all three are later")
        assert {job_id: payload.get("attempts") for job_id, payload in station.later().items()} == {
            "fail": 1,
            "later": 1,
            "snooze": None,
        }
        assert station.notes("retry:ValueError:600") == ["fail"]
        assert station.notes("retry:RetryLater:5") == ["later"]
        assert station.notes("retry:Snooze:7") == ["snooze"]
        [attempt] = station.tries("fail")
        assert (attempt["exception"], attempt["error"]) == ("ValueError", "no luck")
        assert attempt["began"] <= attempt["ended"]
        assert "steered.py" in attempt["backtrace"][0]
        assert station.redis.get("resque:stat:retried") == b"2"
        assert not station.failures()
        wait_for(lambda: station.status()["totals"]["retried"] == 2, 5, what="status counts them")


def test_the_last_try_fails_as_in_resque(tmp_path: Path, redis_url: str) -> None:
    """With what is kept of the tries before; on_failure is called then, and only then. An end forgets the tries."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        payload = {"attempts": 3, "class": "retried", "args": ["last", "fail"], "id": "last"}
        kept = [{"exception": "OSError", "error": "before"}]
        for tag, how in (("last", "fail"), ("good", "end"), ("gone", "discard"), ("no", "never")):
            station.redis.hset("resque:resqd:later:attempts", tag, json.dumps(kept))
            station.redis.rpush("resque:queue:q", compact(payload | {"args": [tag, how], "id": tag}))
        wait_for(lambda: len(station.failures()) == 2, 10, what="two have failed")
        station.wait_ended("good")
        wait_for(
            lambda: not station.redis.exists("resque:resqd:later:attempts"), 5, what="all tries are forgotten"
        )
        assert station.failures() == {"last": "ValueError", "no": "KeyError"}
        records = [json.loads(record) for record in station.redis.lrange("resque:failed", 0, -1)]
        assert [record["attempts"] for record in records] == [kept, kept]
        failure = App(redis_url).failures.requeue("last")
        assert failure.attempts == kept
        wait_for(lambda: station.notes("try1") == ["last"], 10, what="it begins at its first try again")
        assert sorted(station.notes("try4")) == ["gone", "good", "last", "no"]
        assert station.notes("failure:ValueError") == ["last"]
        assert station.notes("failure:KeyError") == ["no"]
        assert station.notes("discard:stale") == ["gone"]
        assert station.redis.get("resque:stat:discarded") == b"1"
        assert station.redis.get("resque:stat:processed") == b"4"
        wait_for(lambda: list(station.later()) == ["last"], 5, what="and is later")


def test_an_expired_job_is_not_begun(tmp_path: Path, redis_url: str) -> None:
    """Unless it has begun before, or does not say when it was enqueued; its hook is called."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:

        def push(tag: str, **more: object) -> None:
            facts = {"resqd": {"expires": 60.0}, "class": "retried", "args": [tag, "end"], "id": tag}
            station.redis.rpush("resque:queue:q", compact(facts | more))

        push("old", enqueued_at=1_000_000.5)
        push("fresh", enqueued_at=float(station.redis.time()[0]))
        push("unknown")
        raw = {
            "attempts": 1,
            "resqd": {"expires": 60.0},
            "class": "retried",
            "args": ["begun", "end"],
            "id": "begun",
        }
        station.redis.rpush("resque:queue:q", compact(raw | {"enqueued_at": 1_000_000.5}))
        station.wait_ended("fresh", "unknown", "begun")
        assert station.notes("discard:expired") == ["old"]
        wait_for(lambda: station.redis.get("resque:stat:expired") == b"1", 5)
        assert "old" not in station.notes("ended")
        wait_for(lambda: station.status()["totals"]["expired"] == 1, 5, what="status counts it")


@pytest.mark.parametrize("jobs_per_fork", ["0", "1"])
def test_a_job_is_tried_until_it_succeeds(tmp_path: Path, redis_url: str, jobs_per_fork: str) -> None:
    """Each try once, in order, on time; it counts as one job, and leaves nothing behind."""
    shape = ("--jobs-per-fork", jobs_per_fork)
    with Station(*shape, folder=tmp_path, url=redis_url, workers=2, threads=1) as station:
        tags = [f"job{number}" for number in range(5)]
        for tag in tags:
            station.push("soon", tag, 3)
        station.wait_ended(*tags, seconds=20)
        station.wait_acknowledged(5)
        for number in (1, 2, 3):
            assert sorted(station.notes(f"try{number}")) == tags
        assert sorted(station.notes("ended")) == tags
        assert station.redis.get("resque:stat:processed") == b"5"
        assert station.redis.get("resque:stat:retried") == b"10"
        assert not station.failures()
        assert not station.redis.exists(
            "resque:resqd:later", "resque:resqd:later:jobs", "resque:resqd:later:attempts"
        )
