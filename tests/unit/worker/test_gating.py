"""How much is reserved where jobs may be parked, and which gates a payload has."""

from resqd.app import App
from resqd.errors import StoreError
from resqd.limits import Concurrency
from resqd.store.gates.calls import Gate, Most
from resqd.store.gates.gates import Settled
from resqd.store.inflight.owner import Exchanged, Want
from resqd.store.resque.payload import decode, decode_once
from resqd.worker.gating import ASK_AGAIN, AT_A_TIME, Appetite, Gatekeeper, Parked

JOB = (1, "q", b"{}")


def test_jobs_with_gates_begin_only_where_threads_can_start_them_soon() -> None:
    """A slot that waits in a buffer keeps another worker's job from running."""
    appetite = Appetite()
    assert appetite.aim(Want(50), idle=2, pace=100).begin == Most(50, 2)
    assert appetite.aim(Want(50), idle=0, pace=100_000).begin == Most(50, 500)
    assert appetite.aim(Want(50), idle=-3, pace=0).begin == Most(50, 0)


def test_while_jobs_are_only_parked_many_are_reserved_and_few_begin() -> None:
    """So that a million of them at the head of a queue are passed quickly."""
    appetite = Appetite()
    assert appetite.note(Exchanged([], parked=1)) == 1
    aim = appetite.aim(Want(1), idle=1, pace=0)
    assert (aim.count, aim.begin) == (AT_A_TIME, Most(1, 1))
    assert appetite.note(Exchanged([JOB], parked=410, over=89)) == 500
    assert appetite.aim(Want(1), idle=1, pace=0).count == AT_A_TIME
    assert appetite.note(Exchanged([JOB], parked=100, over=399)) == 500
    assert appetite.aim(Want(1), idle=1, pace=0).count == 1


def test_what_went_back_waits_for_an_idle_thread() -> None:
    """Else it would be reserved and put back again and again."""
    appetite = Appetite()
    appetite.note(Exchanged([], over=1))
    assert appetite.aim(Want(50), idle=2, pace=0).count == 2
    assert appetite.patient(0)
    assert not appetite.patient(1)
    appetite.note(Exchanged([JOB]))
    assert not appetite.patient(0)


class Rounds:
    """Gates whose rounds end so."""

    def __init__(self, *found: Settled | StoreError) -> None:
        self._found = list(found)

    def round(self) -> Settled:
        found = self._found.pop(0)
        if isinstance(found, StoreError):
            raise found
        return found


def test_a_burst_waits_for_what_is_let_go_in_time() -> None:
    """And not for what waits for the end of a job that another daemon runs."""
    rounds = Rounds(
        Settled(gates=3), Settled(due_in=0.5, gates=1), Settled(passed=2, due_in=0.5), StoreError("away")
    )
    parked = Parked(rounds)  # type: ignore[arg-type] # stands in for gates in Redis
    assert [parked.due_in() for _ in range(4)] == [None, 0.5, 0.0, ASK_AGAIN]


def test_what_has_no_limits_has_no_gates() -> None:
    """Nor has what nobody knows, or cannot be read."""
    app = App("redis://nowhere")

    @app.job(name="limited", limits=Concurrency(3))
    def limited() -> None: ...

    @app.job(name="free")
    def free() -> None: ...

    keeper = Gatekeeper(app.jobs)
    raw = b'{"class":"limited","args":[],"id":"a"}'
    assert keeper(raw) == ("a", (Gate("limited:concurrency", "c 3"),), raw)
    assert decode_once(keeper(raw)[2]) == decode(raw)
    assert keeper(raw.replace(b'"a"', b'"a\\nb"'))[0] == "a b"
    assert len(keeper(b'{"class":"limited","args":[]}')[0]) == 32
    for raw in (b'{"class":"free","args":[]}', b'{"class":"other","args":[]}', b"no JSON"):
        assert keeper(raw) == ("", (), raw)
