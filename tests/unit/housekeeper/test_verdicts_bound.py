"""No sequence of crashes, whoever is to blame, runs a job again and again: the policy against random adversaries."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from resqd.housekeeper.verdicts import Judge, Rule
from resqd.store.inflight.recovery import Charge, Convict, Forgive, Held, Isolate, Suspect, Verdict
from resqd.store.inflight.tokens import Counts
from resqd.wire.messages import Death

JOBS = 8


@dataclass
class World:
    """Jobs by number, none of which ever ends by itself: queue, suspects and failed, and how often each began."""

    dice: random.Random
    most: int
    fails: frozenset[int]
    queue: list[int] = field(default_factory=lambda: list(range(1, JOBS + 1)))
    suspects: list[int] = field(default_factory=list)
    failed: dict[int, int] = field(default_factory=dict)
    """With how many losses each was convicted."""
    killed: set[int] = field(default_factory=set)
    counts: dict[int, Counts] = field(default_factory=lambda: dict.fromkeys(range(1, JOBS + 1), Counts(0, 0)))
    begun: Counter[int] = field(default_factory=Counter)
    forgiven: Counter[int] = field(default_factory=Counter)
    """Begins in a row that ended without a verdict."""

    def crash(self) -> None:
        """One process takes jobs, begins some of them, and dies in some way, at once or with its master and host."""
        probation = bool(self.suspects) and (not self.queue or self.dice.random() < 0.5)
        home = self.suspects if probation else self.queue
        held = [home.pop(0) for _ in range(min(len(home), 1 if probation else self.dice.randint(1, 4)))]
        running = tuple(job for job in held if self.dice.random() < 0.7)
        self.begun.update(running)
        way = self.dice.choice(["blamed", "blamed", "killed", "error", "unknown", "unknown", "abandoned"])
        if way == "abandoned":  # by an orphan: what it does not give back is found in flight later
            held = [job for job in held if not self.give_back(job, job in running, home=home)]
            running, way = (), "unknown"
        convicted = (self.dice.choice(running),) if way == "killed" and running else ()
        death = (
            Death(1, 7, running, convicted, way == "blamed", probation, "died") if way != "unknown" else None
        )
        self.recover(death, held, running, probation=probation)

    def give_back(self, job: int, began: bool, *, home: list[int]) -> bool:
        """Whether an orphan's return moved it."""
        if began and (home is self.suspects or self.counts[job].recoveries + 1 >= self.most):
            return False
        self.move(job, Forgive() if began else None, began=began, home=home)
        return True

    def recover(
        self, death: Death | None, held: list[int], running: tuple[int, ...], *, probation: bool
    ) -> None:
        jobs = {job: Held("q", b"", self.counts[job]) for job in held}
        judge = Judge(
            rule=lambda job: Rule(fail=self.number(jobs, job) in self.fails, most=self.most),
            convict=lambda _job, why: Convict(why.encode(), ()),
            overrun=lambda _job: Convict(b"late", ()),
        )
        near = {job: facts for job, facts in jobs.items() if probation or job in running or self.is_near(job)}
        found = judge.judge(death, near, probation=probation)
        for job in reversed(held):
            verdict = found.verdicts.get(job) or (Forgive() if found.counted else None)
            self.move(job, verdict, began=death is None or job in running, home=self.queue)

    def number(self, jobs: dict[int, Held], wanted: Held) -> int:
        return next(job for job, held in jobs.items() if held is wanted)

    def is_near(self, job: int) -> bool:
        """What the script that inspects returns unasked."""
        deliveries, recoveries = self.counts[job]
        return recoveries + 1 >= self.most or deliveries + recoveries + 1 >= 2 * self.most

    def move(self, job: int, verdict: Verdict | None, *, began: bool, home: list[int]) -> None:
        """What the scripts do."""
        deliveries, recoveries = self.counts[job]
        if isinstance(verdict, Forgive) and began:
            self.forgiven[job] += 1
        elif verdict is not None:
            self.forgiven[job] = 0
        if isinstance(verdict, Convict):
            self.failed[job] = deliveries + recoveries + 1
            if verdict.record == b"Job was killed":
                self.killed.add(job)
            return
        if isinstance(verdict, Charge | Suspect):
            self.counts[job] = Counts(deliveries + 1, recoveries)
        elif verdict is not None:
            self.counts[job] = Counts(deliveries, recoveries + 1)
        if isinstance(verdict, Suspect | Isolate):
            self.suspects.append(job)
        else:
            home.insert(0, job)

    def restart(self) -> None:
        """A daemon that ends in order gives its suspects back to their queues."""
        self.queue[:0] = self.suspects
        self.suspects.clear()


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_every_job_comes_to_its_verdict(most: int) -> None:
    """It has failed after twice MAX_DELIVERIES begins, and there are fewer than that in a row without a verdict."""
    for seed in range(250):
        world = World(random.Random(f"{most} {seed}"), most, frozenset())
        for _ in range(400 * most):
            if not (world.queue or world.suspects):
                break
            world.crash()
            if world.dice.random() < 0.1:
                world.restart()
            assert max(world.begun.values(), default=0) <= 2 * most, (seed, world)
            assert max(world.forgiven.values(), default=0) < max(2, most), (seed, world)
        assert len(world.failed) == JOBS, (seed, world)
        assert sorted([*world.queue, *world.suspects, *world.failed]) == list(range(1, JOBS + 1))


def test_nobody_is_convicted_before_his_time() -> None:
    """Less than three losses are enough only where it was to be killed, or fails at its first crash by its rule."""
    for seed in range(250):
        world = World(random.Random(seed), 3, frozenset({1}))
        while world.queue or world.suspects:
            world.crash()
        early = {job for job, losses in world.failed.items() if losses < 3}
        assert early <= world.killed | {1}, (seed, world)
