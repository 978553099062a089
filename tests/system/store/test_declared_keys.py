"""Every key that a script touches is among its KEYS: the server may be one that refuses others."""

import pytest
import redis

from resqd.cron.entry import Entry
from resqd.cron.schedule import Every
from resqd.cron.tables import Declaration, Forget
from resqd.errors import StoreError
from resqd.store.cron import timetable
from resqd.store.cron.crontab import Crontab
from resqd.store.history import merger
from resqd.store.history.row import Row
from resqd.store.inflight import calls
from resqd.store.inflight import recovery as recovering
from resqd.store.inflight.owner import Dismiss, Failure, Outbox, Postpone, Return, Want
from resqd.store.inflight.recovery import (
    Charge,
    Convict,
    Forgive,
    Isolate,
    Later,
    Recovered,
    Recovery,
    Suspect,
    Verdict,
)
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.links import Links
from resqd.store.redis.protocol import PackedKeys, Script, ScriptCall
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque import registry
from tests.support.inquests import inquest
from tests.support.waiting import wait_for
from tests.system.store.conftest import DAEMON, OwnerMaker, incarnation
from tests.system.store.mail import numbered, push, reserve

QUEUES = ("mail", "low", "slow")
WANT = Want(9, tuple((queue, 0) for queue in QUEUES))
SUSPECTS = Keys().suspects(DAEMON)
GUARD = """
local real, named = redis, {}
for _, key in ipairs(KEYS) do named[key] = true end
local function check(command, ...)
  if command == 'TIME' or (...) == 'test:clock' then return end -- the clock that tests set
  local many = command == 'EXISTS' or command == 'DEL'
  for i = 1, many and select('#', ...) or 1 do
    local key = select(i, ...)
    if not named[key] then error('undeclared key ' .. key) end
  end
end
local redis = {
  call = function(...) check(...) return real.call(...) end,
  pcall = function(...) check(...) return real.pcall(...) end,
  error_reply = real.error_reply,
  sha1hex = real.sha1hex,
}
"""


def guarded(script: Script) -> Script:
    source = GUARD + script.source
    return Script.of(script.name, source)


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each script fail that touches another key than its KEYS."""
    for module in (calls, recovering, registry, timetable, merger):
        for name, value in list(vars(module).items()):
            if isinstance(value, Script):
                monkeypatch.setattr(module, name, guarded(value))


def fill(client: redis.Redis) -> None:
    for queue in QUEUES:
        push(client, queue, *numbered(3))


def sizes(client: redis.Redis) -> list[object]:
    return [client.llen(Keys().queue(queue)) for queue in QUEUES]


def test_the_guard_sees_a_key_that_was_not_named(link: Link) -> None:
    """Else nothing here could fail."""
    script = guarded(Script.of("it", "return redis.call('GET', 'other')"))
    with pytest.raises(StoreError, match="undeclared key other"):
        link.run_script(ScriptCall(script, PackedKeys.of("one")))


def test_an_owner_names_them(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """It acknowledges, fails into several lists, returns to several queues, records later, and closes."""
    fill(redis_client)
    owner = make_owner()
    tokens = [token for token, _, _ in reserve(owner, WANT)]
    redis_client.set("resque:odd_failed", "not a list")
    outbox = Outbox(
        done=tokens[:1],
        failed=[
            Failure(tokens[1], b"r", ("resque:failed", "resque:other"), "other"),
            Failure(tokens[4], b"r", ("resque:odd_failed",)),
            Failure(tokens[7], None, ("resque:failed",)),
        ],
        returned=[Return(token) for token in (tokens[2], tokens[5], tokens[8])],
        postponed=[Postpone(tokens[3], 1.0, "retry", "a", "a", "a", b"{}")],
        dismissed=[Dismiss(tokens[6], "done", "b")],
    )
    result = owner.exchange(outbox)
    assert (result.processed, result.failed, result.returned, result.withheld) == (5, 3, 3, 1)
    assert result.postponed == 1
    redis_client.delete("resque:odd_failed")
    assert owner.record().recorded == 1
    assert owner.look() == set()
    assert (owner.close([]).returned, sizes(redis_client)) == (0, [1, 1, 1])
    assert redis_client.keys("resque:resqd:inflight:*") == []


def test_an_owner_that_has_met_many_queues_is_told_which_are_missing(
    make_owner: OwnerMaker, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not name by itself it names when asked: nothing has changed before."""
    monkeypatch.setattr("resqd.store.inflight.owner._MOST_MET", 1)
    fill(redis_client)
    owner = make_owner()
    tokens = [token for token, _, _ in reserve(owner, WANT)]
    returned = [Return(token) for token in tokens[2:9:3]]
    result = owner.exchange(Outbox(done=tokens[:1], returned=returned), WANT)
    assert (result.processed, result.returned) == (1, 3)
    assert sizes(redis_client) == [1, 1, 1]
    assert (owner.close(tokens[3:4]).returned, sizes(redis_client)) == (4, [2, 2, 3])


def test_recovery_names_them(make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis) -> None:
    """Whether an inspection told it the queues or the script itself; verdicts of each kind, and records kept before."""
    fill(redis_client)
    owner = make_owner(fork=1)
    tokens = [token for token, _, _ in reserve(owner, WANT)]
    redis_client.set("resque:odd_failed", "not a list")
    owner.exchange(Outbox(failed=[Failure(tokens[8], b"r", ("resque:odd_failed",))]))
    redis_client.delete("resque:odd_failed")
    verdicts: dict[int, Verdict] = {
        tokens[0]: Charge(), tokens[3]: Forgive(), tokens[1]: Suspect(), tokens[4]: Isolate(),
        tokens[5]: Convict(b"r", ("resque:failed", "resque:other"), "other", "a"),
        tokens[2]: Later(Postpone(tokens[2], 1.0, "timeout", "a", "a", "a", b"{}")),
    }  # fmt: skip
    assert recovery.recover(incarnation(1), verdicts) == Recovered(4, 2, 1, recorded=1, postponed=1)
    assert (redis_client.llen("resque:odd_failed"), redis_client.llen("resque:other")) == (1, 1)
    suspect = make_owner(fork=2, source="suspects")
    reserve(suspect, Want(1))
    assert suspect.close([]).returned == 1
    assert recovery.suspects_waiting(DAEMON, ["mail"]).suspects == 2
    assert recovery.release_suspects(DAEMON) == 2
    assert sizes(redis_client) == [2, 2, 2]
    reserve(make_owner(fork=3), WANT)
    assert inquest(recovery).hold(incarnation(3), None).requeued == 6
    assert recovery.forget(incarnation(1).life)


def test_one_round_trip_is_enough_after_an_inspection(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has named the queues; recovery asks again only where it was not looked."""
    fill(redis_client)
    reserve(make_owner(fork=1), WANT)
    asked: list[ScriptCall] = []
    run = recovery._link.run_script

    def noted(call: ScriptCall) -> object:
        asked.append(call)
        return run(call)

    monkeypatch.setattr(recovery._link, "run_script", noted)
    inquest(recovery).hold(incarnation(1), None)
    assert [call.script.name for call in asked] == ["inflight/inspect", "inflight/recover"]


def test_the_heartbeat_names_them(link: Link) -> None:
    """The registry's only script."""
    one = registry.Registry(link=link, keys=Keys(), life="h/r:e", worker_id="h:1:*:1:1:1", beats_every=2.0)
    assert one.heartbeat() is False
    assert one.heartbeat() is True


def test_the_timetable_names_them(redis_url: str, link: Link) -> None:
    """A tick, a pause, a run by hand, the tables of the living and of the dead."""
    table, config = timetable.Timetable(link, Keys()), ConnectionConfig.from_url(redis_url)
    crontab = Crontab(Links(config), Keys())
    assert table.publish(Declaration("host/resqd:1", "shop", "", {}))
    crontab.add(Entry("often", Every(1), "Tick", "q"))
    assert table.change(table.snapshot(), [Forget("host/resqd:1")])
    seen = table.snapshot()
    due = seen.state("often").next
    assert due is not None
    wait_for(lambda: table.look().now >= due, what="it is due")
    tick = timetable.Fire("often", seen.version, due, due + 1, "q", (due,), (b"{}",))
    assert table.fire([tick, tick]) == [timetable.DONE, timetable.STALE]
    crontab.run("often")
    crontab.pause("often", by="ann")
    crontab.resume("often")
    assert [run.due for run in table.snapshot().state("often").runs] == [None, due]
    crontab.remove("often")
    assert table.snapshot().texts == {}


def test_the_history_names_them(link: Link, keys: Keys) -> None:
    """Who merges puts into all of its hashes in one step."""
    one = merger.Merger(link, keys, author="a")
    one.put(7_200, Row(running=1))
    assert one.reign("t")
    assert one.merge("t", sample=Row(running=1), now=7_200 + 3_000)
    assert link.call("HKEYS", keys.history(60)) == [b"7200", b"10140"]
