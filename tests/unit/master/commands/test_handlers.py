"""What resqctl is answered, and when, by workers that only note what they are sent."""

from typing import cast

import pytest

from resqd.master.child import Child
from resqd.master.commands.handlers import FIND_TIMEOUT, MUTE, STACKS_TIMEOUT, Handlers
from resqd.settings import Settings
from resqd.wire.intent import Intent
from resqd.wire.messages import Confirm, Confirmed, DumpStacks, Kill, Killing, Stacks
from tests.support.family import Cells, Client, child, fleet, housekeeper, tape


class Scene:
    """Two workers, the first of which runs job 7."""

    def __init__(self) -> None:
        self.now = 100.0
        self.workers = [child(1, runs=(7,)), child(2, index=1)]
        self.fleet = fleet(*self.workers, housekeeper(), workers=2)
        settings = Settings.load({"QUEUES": "q", "WORKER_COUNT": "2", "THREAD_COUNT": "2", "KILL_GRACE": "5"})
        self.handlers = Handlers(settings=settings, fleet=self.fleet, clock=lambda: self.now)

    def ask(self, command: str, **arguments: str | int) -> Client:
        client = Client(command, **arguments)
        self.handlers.handle(client.request)
        self.turn()
        return client

    def turn(self, *answers: tuple[Child, Killing | Stacks | Confirmed], after: float = 0.0) -> None:
        self.now += after
        self.fleet.answers.extend(answers)
        self.handlers.tick(self.now)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_needs_no_worker_is_answered_at_once(scene: Scene) -> None:
    """The state, the scale, and why it cannot be."""
    (told,) = scene.ask("status").told
    assert [worker["state"] for worker in told["status"]["workers"]] == ["running", "running"]
    assert scene.ask("scale", delta=1).told == [{"ok": True, "workers": 3}]
    assert scene.ask("scale", to=0).told[0]["error"].startswith("cannot scale to 0 workers")
    assert not scene.handlers.busy
    assert scene.handlers.next_at() is None


def test_a_pause_is_answered_when_each_worker_has_confirmed_it(scene: Scene) -> None:
    """Or at once, where the client does not want to wait."""
    client = scene.ask("pause")
    assert (client.told, scene.handlers.busy) == ([], True)
    for worker in scene.workers:
        worker.demands.told = Intent.PAUSED  # as the plan does
    scene.turn()
    assert [tape(worker) for worker in scene.workers] == [[Confirm(1)], [Confirm(1)]]
    scene.turn(*((worker, Confirmed(1, "paused")) for worker in scene.workers))
    assert (client.told, scene.handlers.busy) == ([{"ok": True, "state": "paused"}], False)
    assert scene.ask("pause", wait=0).told == [{"ok": True, "state": "paused"}]


def test_a_resume_that_a_pause_file_holds_up_says_so(scene: Scene) -> None:
    """The file is named: it is what keeps the daemon from working."""
    scene.fleet.orders.paused_by_file("/tmp/pause", scene.now)
    (told,) = scene.ask("resume").told
    assert told["error"] == "the daemon is still paused: /tmp/pause"


def test_stacks_are_gathered(scene: Scene) -> None:
    """From all workers that have booted; one that stays silent is named as such."""
    client = scene.ask("stacks")
    assert [tape(worker) for worker in scene.workers] == [[DumpStacks(1)], [DumpStacks(1)]]
    scene.turn((scene.workers[1], Stacks(1, "here")))
    assert client.told == []
    scene.turn(after=STACKS_TIMEOUT)
    assert [each["text"] for each in client.told[0]["stacks"]] == [MUTE, "here"]
    client = scene.ask("stacks")
    scene.turn(*((worker, Stacks(2, "here")) for worker in scene.workers))
    assert [each["text"] for each in client.told[0]["stacks"]] == ["here", "here"]


def test_a_kill_is_answered_when_the_job_is_off_its_thread(scene: Scene) -> None:
    """The worker says which token it is."""
    client = scene.ask("kill", job_id="f00d")
    assert [tape(worker) for worker in scene.workers] == [[Kill("f00d")], [Kill("f00d")]]
    scene.turn((scene.workers[0], Killing("f00d", 7)), (scene.workers[1], Killing("f00d", 0)))
    assert client.told == []
    cast(Cells, scene.workers[0].page).cells = [0]
    scene.turn()
    assert client.told == [{"ok": True, "job_id": "f00d"}]


def test_a_job_that_nobody_runs_is_not_waited_for(scene: Scene) -> None:
    """As soon as all have said so, or after a second, since one may be unable to answer."""
    client = scene.ask("kill", job_id="none")
    scene.turn(*((worker, Killing("none", 0)) for worker in scene.workers))
    assert client.told[0]["error"] == "no worker runs job none"
    client = scene.ask("kill", job_id="none")
    scene.turn(after=FIND_TIMEOUT)
    assert client.told[0]["error"] == "no worker runs job none"


def test_a_job_of_a_mute_worker_is_found_on_its_page(scene: Scene) -> None:
    """The master's own deadline is set for it; where it does not go, that is said in the end."""
    cast(Cells, scene.workers[0].page).names[7] = ("f00d", "Archive", "q", 90.0)
    client = scene.ask("kill", job_id="f00d")
    assert scene.fleet.kills.busy
    scene.turn(after=60.0)
    assert client.told[0]["error"] == "job f00d is still running"


def test_a_worker_that_dies_takes_its_job_with_it(scene: Scene) -> None:
    """Killed for it, for instance: the job is off its thread."""
    client = scene.ask("kill", job_id="f00d")
    scene.turn((scene.workers[0], Killing("f00d", 7)))
    scene.fleet.children.remove(scene.workers[0])
    scene.turn()
    assert client.told == [{"ok": True, "job_id": "f00d"}]
