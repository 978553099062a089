"""What jobs log and print, and what is logged of them."""

import json
from pathlib import Path

import redis

from tests.support.daemon import Daemon

JOBS = """
import logging, time
import resqd

app = resqd.App()
log = logging.getLogger("shop")


@app.job(queue="q", name="Charge")
def charge(amount):
    log.info("charging %s", amount)
    print("printed", amount, flush=True)


@app.job(queue="q", name="Fail")
def fail():
    raise ValueError("no such card")


@app.job(queue="q", name="Slow")
def slow():
    time.sleep(1.2)
"""


def daemon(folder: Path, redis_url: str, **environ: str) -> Daemon:
    (folder / "shop.py").write_text(JOBS)
    given = {
        "REDIS_URL": redis_url,
        "PYTHONPATH": str(folder),
        "SLOW_JOB": "0.5",
        "JOBS_PER_FORK": "0",
        **environ,
    }
    return Daemon("--app", "shop:app", "--queues", "q", folder=folder, environ=given)


def push(client: redis.Redis, job: str, *args: object) -> None:
    client.rpush("resque:queue:q", json.dumps({"class": job, "args": args, "id": job.lower() * 4}))


def test_a_jobs_lines_name_it_and_its_failure_has_a_traceback(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """Without basicConfig, and in the order of reading; what is quick and quiet says nothing."""
    with daemon(tmp_path, redis_url) as one:
        push(redis_client, "Charge", 7)
        push(redis_client, "Fail")
        push(redis_client, "Slow")
        one.wait_for_line(r"INFO worker 0 .* Charge chargechargechargecharge: charging 7$")
        one.wait_for_line(
            r"WARNING worker 0 .* Fail failfailfailfail of queue q failed: ValueError: no such card\n"
            r"    Traceback .*\n"
            r'    +File ".*shop.py", line \d+, in fail\n'
        )
        one.wait_for_line(r"INFO worker 0 .* Slow slowslowslowslow of queue q is slow: it has run for ")
        assert "begins" not in one.output()
        one.stop()


def test_json_carries_the_applications_lines_and_prints(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """Each line is an object; at debug, jobs' starts and ends are among them."""
    with daemon(tmp_path, redis_url, RESQD_LOG_FORMAT="json", LOGGING="debug") as one:
        push(redis_client, "Charge", 7)
        push(redis_client, "Fail")
        one.wait_for_line("job_failed")
        one.stop()
        lines = [json.loads(line) for line in one.output().splitlines()]
    job = {"job": "charge" * 4, "class": "Charge", "queue": "q", "attempt": 1}
    job |= {"daemon": "resqd", "worker": 0, "thread": "job-0"}
    for logger, message in (("shop", "charging 7"), ("resqd.stdout", "printed 7")):
        (found,) = [line for line in lines if line["message"] == message]
        assert found["logger"] == logger
        assert {name: found[name] for name in job} == job
    (failed,) = [line for line in lines if line.get("event") == "worker.job_failed"]
    assert (failed["level"], failed["class"]) == ("warning", "Fail")
    assert failed["traceback"].endswith("ValueError: no such card")
    events = [line.get("event") for line in lines]
    assert events.count("worker.job_begins") == 2
    assert events.count("worker.job_ended") == 2
