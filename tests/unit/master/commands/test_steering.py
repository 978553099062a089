"""Commands, turned into intents and orders to kill."""

from collections.abc import Mapping

import pytest

from resqd.errors import ResqdError
from resqd.events import event
from resqd.master.commands import steering
from resqd.master.fleet import Fleet
from resqd.master.timeouts import Execute
from resqd.wire.intent import Command, Intent
from resqd.wire.messages import KillJobs
from tests.support.family import child, fleet, tape


class Scene:
    def __init__(self, steered: Fleet) -> None:
        self.now = 100.0
        self.fleet = steered

    def command(self, command: Command) -> None:
        steering.command(self.fleet, command, self.now, by="a test")

    @property
    def state(self) -> str:
        return self.fleet.intent.value


def test_a_drain_that_takes_too_long_becomes_a_stop() -> None:
    """After DRAIN_TIMEOUT, unless it is taken back."""
    scene = Scene(fleet())
    scene.command(Command.DRAIN)
    bound = scene.fleet.orders.drain_by
    assert bound == 150.0
    scene.command(Command.RESUME)
    assert scene.fleet.orders.drain_by is None
    scene.command(Command.DRAIN)
    scene.now = 150.0
    steering.end_long_drain(scene.fleet, 150.0)
    assert scene.state == "stopping"


def test_a_kill_has_the_masters_own_deadline() -> None:
    """KILL_JOBS is sent down, and ordered here as well; a Stop goes by the plan."""
    one = child(1, runs=(7,))
    scene = Scene(fleet(one))
    scene.command(Command.KILL_JOBS)
    assert tape(one) == [KillJobs()]
    assert scene.fleet.kills.due({1: (7,)}, 106.0)


def test_a_worker_paused_alone_hears_the_next_command() -> None:
    """What it was told last no longer counts; one that drains by itself, or was told to, is left alone."""
    paused, drains = child(1, state=Intent.PAUSED), child(2, index=1, state=Intent.DRAINING)
    told = child(3, index=2, told=Intent.DRAINING)
    scene = Scene(fleet(paused, drains, told, workers=3))
    scene.command(Command.CONTINUE)
    now_told = [one.demands.told for one in (paused, drains, told)]
    assert now_told == [Intent.PAUSED, Intent.RUNNING, Intent.DRAINING]


def test_pause_files_and_commands_pause_independently() -> None:
    """Either pauses; both are named as reasons; a drain goes before."""
    scene = Scene(fleet())
    scene.fleet.orders.paused_by_file("/tmp/pause", scene.now)
    scene.command(Command.PAUSE)
    assert scene.fleet.orders.pause_reasons() == ["command", "/tmp/pause"]
    scene.command(Command.RESUME)
    assert scene.state == "paused"
    scene.command(Command.DRAIN)
    assert scene.state == "draining"
    scene.command(Command.RESUME)
    scene.fleet.orders.paused_by_file("", scene.now)
    assert scene.state == "running"


def test_the_scale_has_bounds() -> None:
    """At least one worker, at most 1024, and none when the daemon leaves."""
    scene = Scene(fleet())
    for wrong in (0, 1025):
        with pytest.raises(ResqdError, match="from 1 to 1024"):
            steering.scale(scene.fleet, wrong)
    steering.scale(scene.fleet, 3)
    scene.command(Command.DRAIN)
    with pytest.raises(ResqdError, match="cannot scale while draining"):
        steering.scale(scene.fleet, 4)
    assert scene.fleet.worker_count == 3


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("stop", ["stop_kills"]),
        ("drain", ["drain_waits", "drain_kills"]),
        ("requeue", ["drain_waits", "stop_requeues"]),
    ],
)
def test_a_stop_says_once_which_jobs_it_ends(
    term: str, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what becomes of them; who is killed at last is convicted, or spared, as was said."""
    heard: list[tuple[str, Mapping[str, object]]] = []
    monkeypatch.setattr(event, "_listeners", [lambda name, facts: heard.append((name, facts))])
    one = child(1, runs=(7, 8))
    steered = fleet(one, term=term)
    for _ in said:
        steering.end(steered, 100.0, by="SIGTERM")
    told = [(name, facts["by"], facts["count"]) for name, facts in heard if "jobs" in facts]
    assert told == [(f"master.{name}", "SIGTERM", 2) for name in said]
    assert steered.intent is Intent.STOPPING
    (executed,) = steered.kills.due({1: (7, 8)}, 200.0)
    assert isinstance(executed, Execute)
    assert executed.tokens == (frozenset() if term == "requeue" else {7, 8})
