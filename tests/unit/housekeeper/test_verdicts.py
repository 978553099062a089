"""Who pays for a crash."""

from dataclasses import replace

import pytest

from resqd.housekeeper.verdicts import Findings, Judge, Rule
from resqd.store.inflight.outbox import Postpone
from resqd.store.inflight.recovery import Charge, Convict, Forgive, Held, Isolate, Later, Suspect, Verdict
from resqd.store.inflight.tokens import Counts
from resqd.wire.messages import Death


def death(*running: int, convicted: tuple[int, ...] = (), blamed: bool = True) -> Death:
    return Death(
        fork=1, pid=7, running=running, convicted=convicted, blamed=blamed, probation=False,
        reason="was killed by SIGSEGV",
    )  # fmt: skip


def held(**losses: int | tuple[int, int] | None) -> dict[int, Held]:
    """Jobs by name: deliveries, or these and recoveries; None for a payload that cannot be counted."""
    jobs = {}
    for name, count in losses.items():
        counts = None if count is None else Counts(*(count if isinstance(count, tuple) else (count, 0)))
        jobs[int(name[1:])] = Held("mail", name.encode(), counts)
    return jobs


def findings(
    dead: Death | None, jobs: dict[int, Held], *, fail: str = "", most: int = 3, probation: bool = False
) -> Findings:
    judge = Judge(
        rule=lambda job: Rule(fail=job.payload.decode() in fail.split(), most=most),
        convict=lambda token, why: Convict(jobs[token].payload + b": " + why.encode(), ("failed",)),
        overrun=lambda token: Later(Postpone(token, 5.0, "timeout", jobs[token].payload.decode())),
    )
    return judge.judge(dead, jobs, probation=probation)


def judge(
    dead: Death | None, jobs: dict[int, Held], *, fail: str = "", most: int = 3, probation: bool = False
) -> dict[int, Verdict]:
    return findings(dead, jobs, fail=fail, most=most, probation=probation).verdicts


def text(verdict: Verdict) -> str:
    assert isinstance(verdict, Convict)
    return verdict.record.decode()


def test_one_job_alone_is_charged_and_goes_back_to_its_queue() -> None:
    """It may have been an accident."""
    assert judge(death(5), held(j5=1)) == {5: Charge()}


def test_one_job_alone_is_convicted_at_its_last_delivery() -> None:
    """The third crash of three, with its history."""
    judged = judge(death(5), held(j5=2))
    assert text(judged[5]) == (
        "j5: Job's worker process was killed by SIGSEGV, the last of 3 crashes with this job (pid 7)"
    )


def test_several_jobs_are_suspects_however_often_they_were_suspected() -> None:
    """No count convicts a job that was not alone, until it is beyond belief."""
    assert judge(death(5, 6), held(j5=2, j6=4)) == {5: Suspect(), 6: Suspect()}
    assert "the last of 6 crashes" in text(judge(death(5, 6), held(j5=2, j6=5))[6])


def test_on_probation_a_suspect_stays_one_until_it_is_convicted() -> None:
    """It never goes back among others."""
    assert judge(death(5), held(j5=1), probation=True) == {5: Suspect()}
    assert "the last of 3 crashes" in text(judge(death(5), held(j5=2), probation=True)[5])


@pytest.mark.parametrize("dead", [death(), death(blamed=False), death(5, blamed=False), None])
def test_on_probation_every_loss_counts(dead: Death | None) -> None:
    """While it was fetched, by an error of resqd's own, with its daemon or host: it was alone."""
    assert judge(dead, held(j5=0), probation=True) == {5: Suspect()}
    judged = judge(dead, held(j5=2), probation=True)
    assert "the last of 3 crashes with this job" in text(judged[5])
    assert ("before the job began" in text(judged[5])) == (dead is not None and not dead.running)


def test_on_probation_what_was_forgiven_before_counts() -> None:
    """Three losses that nobody paid for brought it there; one more, alone, is enough."""
    assert "the last of 4 crashes" in text(judge(death(), held(j5=(0, 3)), probation=True)[5])
    assert judge(death(), held(j5=(0, 2)), probation=True) == {5: Suspect()}


def test_resques_rule_convicts_what_ran_alone() -> None:
    """At the first crash, on a thread of its own or on probation."""
    assert (
        text(judge(death(5), held(j5=0), fail="j5")[5])
        == "j5: Job's worker process was killed by SIGSEGV (pid 7)"
    )
    assert "SIGSEGV" in text(judge(death(5), held(j5=1), fail="j5", probation=True)[5])


def test_resques_rule_convicts_no_sibling() -> None:
    """Where several ran nobody knows which of them it was: each runs alone, whatever its rule."""
    assert judge(death(5, 6), held(j5=0, j6=2), fail="j5 j6") == {5: Suspect(), 6: Suspect()}


@pytest.mark.parametrize("fail", ["", "j5 j6"])
def test_a_kill_by_resqd_convicts_its_target_only(fail: str) -> None:
    """Its siblings go back uncharged, under whatever rule; what had not begun keeps every byte."""
    found = findings(death(5, 6, convicted=(5,), blamed=False), held(j5=0, j6=2, j7=(0, 2)), fail=fail)
    assert text(found.verdicts.pop(5)) == "j5: Job was killed"
    assert found == Findings({6: Forgive()}, counted=False)


def test_a_sibling_of_kills_is_run_alone_in_the_end() -> None:
    """A long job whose neighbours are killed again and again begins no more often than any other."""
    dead = death(5, 6, convicted=(5,), blamed=False)
    assert judge(dead, held(j6=(0, 1))) == {6: Forgive()}
    assert judge(dead, held(j6=(0, 2))) == {6: Isolate()}
    assert judge(dead, held(j6=(0, 3))) == {6: Suspect()}  # it was released meanwhile, as its daemon ended
    assert "the last of 6 crashes" in text(judge(dead, held(j6=(2, 3)))[6])


@pytest.mark.parametrize("dead", [death(), death(blamed=False)])
def test_a_death_before_any_job_began_is_counted_for_all_that_it_held(dead: Death) -> None:
    """One of them may be what the process could not take in; it is never charged for that."""
    assert findings(dead, {}) == Findings({}, counted=True)
    assert judge(dead, held(j5=0, j6=(0, 2), j7=(1, 9))) == {5: Forgive(), 6: Isolate(), 7: Isolate()}


def test_an_error_of_resqds_own_charges_nobody_at_first() -> None:
    """What ran and what waited is counted; the third time it is run alone."""
    dead = death(5, blamed=False)
    assert findings(dead, held(j5=(0, 1), j6=(0, 2))) == Findings({5: Forgive(), 6: Isolate()}, counted=True)
    assert judge(dead, held(j5=(0, 2))) == {5: Isolate()}


def test_without_last_words_any_job_may_have_run() -> None:
    """Forgiven at first, then run alone; charged where that was not to be, and at the sixth time it is enough."""
    assert findings(None, held(j5=0)) == Findings({5: Forgive()}, counted=True)
    assert judge(None, held(j5=(0, 2))) == {5: Isolate()}
    assert judge(None, held(j5=(0, 3))) == {5: Suspect()}
    assert text(judge(None, held(j5=(2, 3)))[5]) == (
        "j5: Job's worker process was lost with its daemon or host, the last of 6 crashes with this job"
    )


def test_what_cannot_be_counted_gets_no_second_chance() -> None:
    """It is no job, so nothing is lost: it fails at its first loss, or alone if it had not begun."""
    assert "SIGSEGV" in text(judge(death(5), held(j5=None))[5])
    assert "lost" in text(judge(None, held(j5=None))[5])
    assert judge(death(), held(j5=None)) == {5: Isolate()}
    assert judge(death(5, 6), held(j5=None, j6=0)) == {5: Suspect(), 6: Suspect()}
    assert "before the job began" in text(judge(death(), held(j5=None), probation=True)[5])


def test_a_job_that_is_not_in_flight_any_more_pays_nothing() -> None:
    """It was acknowledged between its last step and the crash; the other one was alone."""
    assert judge(death(5, 6), held(j6=0)) == {6: Charge()}
    assert judge(death(), {}) == {}


def test_a_job_that_ran_out_of_its_time_may_be_tried_again() -> None:
    """As its policy says; another one for whose sake the process was killed is recorded as killed."""
    dead = replace(death(1, 2, 3, convicted=(1, 2), blamed=False), late=(1,))
    found = judge(dead, held(j1=0, j2=0, j3=0))
    assert found[1] == Later(Postpone(1, 5.0, "timeout", "j1"))
    assert text(found[2]) == "j2: Job was killed"
    assert not isinstance(found.get(3), Convict | Later)
