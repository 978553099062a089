"""Commands, turned into intents and orders to kill."""

import pytest

from resqd.errors import ResqdError
from resqd.master.commands.steering import Helm
from resqd.master.plan import Fleet
from resqd.master.timeouts import Kills
from resqd.wire.intent import Command
from resqd.wire.messages import KillJobs
from tests.support.family import child, fleet, tape


class Scene:
    def __init__(self, steered: Fleet) -> None:
        self.now = 100.0
        self.fleet = steered
        self.kills = Kills(5.0)
        self.helm = Helm(fleet=steered, kills=self.kills, drain_timeout=50.0, clock=lambda: self.now)

    @property
    def state(self) -> str:
        return self.fleet.intent.value


def test_a_drain_that_takes_too_long_becomes_a_stop() -> None:
    """After DRAIN_TIMEOUT, unless it is taken back."""
    scene = Scene(fleet())
    scene.helm.command(Command.DRAIN)
    bound = scene.helm.drain_by
    assert bound == 150.0
    scene.helm.command(Command.RESUME)
    assert scene.helm.drain_by is None
    scene.helm.command(Command.DRAIN)
    scene.now = 150.0
    scene.helm.tick(150.0)
    assert scene.state == "stopping"


def test_a_kill_has_the_masters_own_deadline() -> None:
    """KILL_JOBS is sent down, and ordered here as well; a Stop goes by the plan."""
    one = child(1, runs=(7,))
    scene = Scene(fleet(one))
    scene.helm.command(Command.KILL_JOBS)
    assert tape(one) == [KillJobs()]
    assert scene.kills.due({1: (7,)}, 106.0)


def test_a_worker_paused_alone_hears_the_next_command() -> None:
    """What it was told last no longer counts; one that drains by itself, or was told to, is left alone."""
    paused, drains = child(1, state="paused"), child(2, index=1, state="draining")
    told = child(3, index=2, state="running", told="draining")
    scene = Scene(fleet(paused, drains, told, workers=3))
    scene.helm.command(Command.CONTINUE)
    assert [one.told for one in (paused, drains, told)] == ["paused", "running", "draining"]


def test_pause_files_and_commands_pause_independently() -> None:
    """Either pauses; both are named as reasons; a drain goes before."""
    scene = Scene(fleet())
    scene.helm.paused_by_file("/tmp/pause")
    scene.helm.command(Command.PAUSE)
    assert scene.helm.pause_reasons() == ["command", "/tmp/pause"]
    scene.helm.command(Command.RESUME)
    assert scene.state == "paused"
    scene.helm.command(Command.DRAIN)
    assert scene.state == "draining"
    scene.helm.command(Command.RESUME)
    scene.helm.paused_by_file("")
    assert scene.state == "running"


def test_the_scale_has_bounds() -> None:
    """At least one worker, at most 1024, and none when the daemon leaves."""
    scene = Scene(fleet())
    for wrong in (0, 1025):
        with pytest.raises(ResqdError, match="from 1 to 1024"):
            scene.helm.scale(wrong)
    scene.helm.scale(3)
    scene.helm.command(Command.DRAIN)
    with pytest.raises(ResqdError, match="cannot scale while draining"):
        scene.helm.scale(4)
    assert scene.fleet.worker_count == 3
