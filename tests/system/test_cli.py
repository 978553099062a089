"""The resqd command against a real server: what it shows, and what it changes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from click.testing import CliRunner, Result

from resqd.cli.resqd import main
from resqd.store.inflight.incarnation import of_this_process, this_place
from resqd.store.inflight.owner import Inflight, Outbox, Want
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.store.resque.failure_record import build_record
from resqd.store.resque.payload import Payload
from resqd.store.resque.registry import Registry, RunningJob

EVIL = "ev\x1b[31mil\n"


class Cli:
    """Runs commands on the test's database."""

    def __init__(self, redis_url: str) -> None:
        self._place = ["--redis-url", redis_url]

    def __call__(self, *arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(main, [*arguments, *self._place], input=answer)

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def cli(redis_url: str) -> Cli:
    return Cli(redis_url)


def jobs_in(client: redis.Redis, queue: str) -> list[Payload]:
    return [
        payloads.decode(raw) for raw in cast("list[bytes]", client.lrange(f"resque:queue:{queue}", 0, -1))
    ]


def fail(client: redis.Redis, job_id: str, queue: str = "mail") -> None:
    raw = encoding.encode("Send", [job_id], id=job_id)
    record = build_record(
        raw=raw,
        payload=payloads.decode(raw),
        exception=("ValueError", "bad\x1b[2J"),
        backtrace=["jobs.py:1:in `send'"],
        worker="h:1:mail:1:1:1",
        queue=queue,
        failed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    client.rpush("resque:failed", record)


def test_enqueue_puts_the_exact_arguments_on_the_queue(cli: Cli, redis_client: redis.Redis) -> None:
    """Arguments are JSON, negative numbers and integers of any size included; the id is given back."""
    said = cli.json("enqueue", "Archive", "-1", '{"é": [null]}', "9" * 40, '"text"', "--queue", "low")
    (job,) = jobs_in(redis_client, "low")
    assert (job.job_class, job.args, job.id) == (
        "Archive",
        [-1, {"é": [None]}, int("9" * 40), "text"],
        said["id"],
    )
    assert redis_client.smembers("resque:queues") == {b"low"}


def test_enqueue_checks_against_an_app(
    cli: Cli, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --app the job's own queue is taken, and unknown classes and unfitting arguments are refused."""
    source = "import resqd\napp = resqd.App()\n@app.job(queue='mail', name='Send')\ndef send(to: int) -> None: ...\n"
    (tmp_path / "cli_jobs.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert cli("enqueue", "Send", "1", "--app", "cli_jobs:app").output.endswith("is on mail\n")
    for arguments, words in [
        (["Sned", "1"], "no job is registered as 'Sned'"),
        (["Send"], "cannot be called"),
    ]:
        refused = cli("enqueue", *arguments, "--app", "cli_jobs:app")
        assert (refused.exit_code, words in refused.stderr) == (1, True), refused.output
    assert cli("enqueue", "Send", "--app", "no_such_module:app").exit_code == 78
    assert redis_client.llen("resque:queue:mail") == 1


def test_queues_shows_what_waits_and_what_is_in_flight(
    cli: Cli, redis_url: str, redis_client: redis.Redis
) -> None:
    """Sizes, jobs that daemons hold, and the oldest job's wait; a key of a wrong type is said, not fatal."""
    assert cli("queues").output.startswith("no queues in unix://")
    for queue in ("mail", "mail", EVIL):
        cli("enqueue", "Send", "--queue", queue)
    redis_client.rpush("resque:queue:ruby", b'{"class":"A","args":[]}')
    redis_client.set("resque:queue:wrong", "text")
    redis_client.sadd("resque:queues", "ruby", "wrong")
    link = Link(ConnectionConfig.from_url(redis_url))
    owner = Inflight(
        link=link,
        keys=Keys(),
        incarnation=of_this_process(daemon="h/resqd", epoch="e", fork=1, place=this_place()),
        worker_id="h:1:mail:1:1:1",
    )
    owner.exchange(Outbox(), Want(0))
    owner.exchange(Outbox(), Want(2, (("mail", 1), (EVIL, 1))))
    shown = {row["queue"]: row for row in cli.json("queues")}
    link.close()
    sizes = {name: (row["size"], row["in_flight"]) for name, row in shown.items()}
    assert sizes == {"mail": (1, 1), EVIL: (0, 1), "ruby": (1, 0), "wrong": (None, 0)}
    assert 0 <= shown["mail"]["oldest_wait_s"] < 60
    assert shown["ruby"]["oldest_wait_s"] is None
    table = cli("queues").output
    assert "ev\\x1b[31mil\\n" in table
    assert "not a list" in table
    assert "\x1b" not in table
    assert cli.json("info")["in_flight"] == 2


def test_peek_shows_jobs_that_cannot_be_read_as_well(cli: Cli, redis_client: redis.Redis) -> None:
    """Control characters in classes and arguments never reach the terminal; nothing is taken."""
    redis_client.rpush(
        "resque:queue:mail", b'{"class":"A\\u001b[2J","args":["\\u001b]0;x\\u0007"]}', b"\xff", b"{}"
    )
    table = cli("peek", "mail")
    assert (table.exit_code, "\x1b" in table.output, "\x07" in table.output) == (0, False, False)
    assert [job["class"][:1] for job in cli.json("peek", "mail", "--from", "1", "--count", "1")] == ["("]
    assert redis_client.llen("resque:queue:mail") == 3
    assert cli("peek", "none").output == "no jobs in none\n"


def test_failed_list_and_show(cli: Cli, redis_client: redis.Redis) -> None:
    """A list with positions and ids, and one failure with all that its record says, by position or by id."""
    assert cli("failed", "list").output == "no failures\n"
    for number in range(3):
        fail(redis_client, f"{number:032x}", queue="mail" if number else "low")
    assert [row["index"] for row in cli.json("failed", "list", "--from", "1")] == [1, 2]
    assert [row["index"] for row in cli.json("failed", "list", "--queue", "low")] == [0]
    assert "1 of 3" in cli("failed", "list", "--count", "1").output
    shown = cli("failed", "show", "-1").output
    assert "ValueError: bad\\x1b[2J" in shown
    assert "jobs.py:1:in `send'" in shown
    assert cli.json("failed", "show", f"{1:032x}")["args"] == [f"{1:032x}"]
    gone = cli("failed", "show", "9")
    assert (gone.exit_code, gone.stderr) == (1, "resqd: there is no failure at 9 in failed\n")


def test_requeue_puts_the_job_back_once(cli: Cli, redis_client: redis.Redis) -> None:
    """By id, by position, and all at once after a question; the id stays and the generation grows."""
    for number in range(3):
        fail(redis_client, f"{number:032x}")
    assert cli("failed", "requeue", f"{1:032x}").exit_code == 0
    (job,) = jobs_in(redis_client, "mail")
    assert (job.id, job.generation) == (f"{1:032x}", 2)
    assert cli("failed", "requeue", "--all", answer="n\n").exit_code == 1
    assert cli("failed", "requeue", "--all").stderr.endswith("--yes goes on without asking\n")
    assert redis_client.llen("resque:queue:mail") == 1
    assert cli.json("failed", "requeue", "--all", "--yes") == {"ok": True, "requeued": 2}
    assert redis_client.llen("resque:queue:mail") == 3


def test_an_id_that_looks_like_a_position_is_an_id(cli: Cli, redis_client: redis.Redis) -> None:
    """LIST:POSITION is one only where there is a failed list of that name."""
    fail(redis_client, "user:0", queue="low")
    fail(redis_client, "mail_failed:0")
    assert cli.json("failed", "show", "user:0")["queue"] == "low"
    assert cli.json("failed", "show", "mail_failed:0")["queue"] == "mail"
    assert cli.json("failed", "show", "failed:0")["id"] == "user:0"
    redis_client.sadd("resque:failed_queues", "mail_failed")
    redis_client.copy("resque:failed", "resque:mail_failed")
    assert cli.json("failed", "show", "mail_failed:0")["id"] == "user:0"
    assert cli("failed", "remove", "user:0", "--yes").exit_code == 0
    gone = cli("failed", "show", "user:1")
    assert (gone.exit_code, gone.stderr) == (1, "resqd: there is no failure of job user:1\n")


def test_an_impossible_time_is_no_time(cli: Cli, redis_client: redis.Redis) -> None:
    """A producer may write any number for it."""
    redis_client.sadd("resque:queues", "q")
    redis_client.rpush("resque:queue:q", b'{"class":"A","args":[],"enqueued_at":-1e999}')
    assert cli("queues").exit_code == cli("peek", "q").exit_code == 0
    assert cli.json("queues")[0]["oldest_wait_s"] is cli.json("peek", "q")[0]["enqueued_at"] is None


def test_remove_and_clear_ask_first(cli: Cli, redis_client: redis.Redis) -> None:
    """Several are looked up before the first goes, so that positions mean what the list showed."""
    for number in range(5):
        fail(redis_client, f"{number:032x}", queue="mail" if number else "low")
    assert cli("failed", "remove", "0").exit_code == 1
    assert cli("failed", "remove", "1", "2", answer="y\n").exit_code == 0
    assert [row["id"] for row in cli.json("failed", "list")] == [f"{number:032x}" for number in (0, 3, 4)]
    assert cli("failed", "remove", "--queue", "low", "--yes").output == "removed 1\n"
    cli("failed", "requeue", "0")
    assert cli("failed", "clear", "--retried", "--yes").output == "removed 1\n"
    assert cli("failed", "clear").exit_code == 1
    assert cli("failed", "clear", "--yes").output == "removed 1\n"
    assert cli("failed", "list").output == "no failures\n"


@pytest.mark.parametrize("command", [["show"], ["requeue"], ["remove", "--yes"]])
def test_a_position_beyond_the_list_changes_nothing(
    cli: Cli, redis_client: redis.Redis, command: list[str]
) -> None:
    """A failure that is not there is said with status 1, from either end, and no other stands in for it."""
    fail(redis_client, f"{1:032x}")
    fail(redis_client, f"{2:032x}")
    before = redis_client.lrange("resque:failed", 0, -1)
    for position in ("-7", "2"):
        beyond = cli("failed", *command, position)
        line = f"resqd: there is no failure at {position} in failed\n"
        assert (beyond.exit_code, beyond.stderr) == (1, line)
    assert redis_client.lrange("resque:failed", 0, -1) == before
    assert jobs_in(redis_client, "mail") == []


def test_workers_shows_all_hosts(cli: Cli, redis_url: str, redis_client: redis.Redis) -> None:
    """resqd's own and Ruby's, with what each runs."""
    assert "no workers are registered" in cli("workers").output
    link = Link(ConnectionConfig.from_url(redis_url))
    registry = Registry(link=link, keys=Keys(), life="web1/resqd:e1", worker_id="web1:42:mail:2:4:500")
    registry.heartbeat()
    payload = b'{"class":"Send\\u001b","args":[],"id":"i"}'
    registry.publish([RunningJob(43, 2, token=1, queue="mail", run_at=1_700_000_000.0, payload=payload)])
    link.close()
    redis_client.sadd("resque:workers", "ruby1:7:mail")
    ruby, ours = cli.json("workers")[::-1] if cli.json("workers")[0]["resqd"] else cli.json("workers")
    assert (ruby["id"], ruby["resqd"], ruby["workers"]) == ("ruby1:7:mail", False, None)
    assert (ours["workers"], ours["threads"], ours["running"][0]["class"]) == (2, 4, "Send\x1b")
    table = cli("workers").output
    assert "Send\\x1b" in table
    assert "ruby1" in table
    assert "\x1b" not in table


def test_commands_find_the_embedded_server_without_redis_url() -> None:
    """A job that is enqueued while no daemon runs is there for the next command, and for the next daemon."""
    runner = CliRunner()
    enqueued, shown = (
        runner.invoke(main, words) for words in (["enqueue", "Send", "--queue", "mail"], ["queues", "--json"])
    )
    assert (enqueued.exit_code, shown.exit_code) == (0, 0), enqueued.output + shown.output
    rows = json.loads(shown.stdout)
    assert [(row["queue"], row["size"]) for row in rows] == [("mail", 1)]


def test_another_namespace_is_another_place(cli: Cli, redis_client: redis.Redis) -> None:
    """--namespace means for these commands what it means for the daemon."""
    cli("enqueue", "Send", "--namespace", "other")
    assert redis_client.llen("other:queue:default") == 1
    assert cli.json("queues") == []
