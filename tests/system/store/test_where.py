"""Where a job is, as an application sees it, while it moves."""

import pytest
import redis

from resqd.app import App
from resqd.store.inflight.owner import Outbox, Postpone, Want
from resqd.store.keys import Keys
from tests.system.store.conftest import OwnerMaker
from tests.system.store.mail import MAIL, push, reserve

RAW = b'{"class":"Mail","args":[],"id":"a"}'


def test_a_job_that_a_worker_holds_is_running(
    make_owner: OwnerMaker, redis_url: str, redis_client: redis.Redis
) -> None:
    """Before any thread shows it; a suspect waits; what has ended is gone."""
    app = App(redis_url)
    redis_client.sadd(Keys().queues, "mail")
    push(redis_client, "mail", RAW)
    assert app.where("a") == app.where("a", queue="mail") == "waiting"
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    assert app.where("a") == app.where("a", queue="mail") == "running"
    owner.exchange(Outbox(done=[token]))
    assert app.where("a") == "gone"
    redis_client.hset(Keys().daemons, "host/a:1", 1)
    redis_client.rpush(Keys().suspects("host/a"), b"4:mail" + RAW)
    assert app.where("a") == "waiting"


def test_a_job_that_moves_behind_the_look_is_found(
    make_owner: OwnerMaker, redis_url: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is put off just after what is later was looked at."""
    app = App(redis_url)
    redis_client.sadd(Keys().queues, "mail")
    push(redis_client, "mail", RAW)
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    waits = app._waits

    def move(queue: str, job_id: str) -> bool:
        owner.exchange(Outbox(postponed=[Postpone(token, 60.0, "snooze", "a")]))
        return waits(queue, job_id)

    monkeypatch.setattr(app, "_waits", move)
    assert app.where("a") == "later"
