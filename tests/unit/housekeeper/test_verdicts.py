"""Who pays for a crash."""

import pytest

from resqd.housekeeper.verdicts import Rule, verdicts
from resqd.store.recovery import Charge, Convict, Held, Suspect, Verdict
from resqd.wire.messages import Death


def death(
    *running: int, convicted: tuple[int, ...] = (), blamed: bool = True, probation: bool = False
) -> Death:
    return Death(
        fork=1, pid=7, running=running, convicted=convicted, blamed=blamed, probation=probation,
        reason="was killed by SIGSEGV",
    )  # fmt: skip


def held(**deliveries: int) -> dict[int, Held]:
    return {int(name[1:]): Held("mail", name.encode(), count) for name, count in deliveries.items()}


def judge(dead: Death, jobs: dict[int, Held], *, fail: str = "", most: int = 3) -> dict[int, Verdict]:
    return verdicts(
        dead,
        jobs,
        rule=lambda job: Rule(fail=job.payload.decode() in fail.split(), most=most),
        convict=lambda job, why: Convict(job.payload + b": " + why.encode(), ("failed",)),
    )


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
    """No count convicts a job that was not alone."""
    assert judge(death(5, 6), held(j5=2, j6=9)) == {5: Suspect(), 6: Suspect()}


def test_on_probation_a_suspect_stays_one_until_it_is_convicted() -> None:
    """It never goes back among others."""
    assert judge(death(5, probation=True), held(j5=1)) == {5: Suspect()}
    assert "the last of 3 crashes" in text(judge(death(5, probation=True), held(j5=2))[5])


def test_resques_rule_convicts_at_once_and_leaves_its_sibling_a_suspect() -> None:
    """What must not run twice fails; the sibling may still be the culprit, so it runs alone."""
    judged = judge(death(5, 6), held(j5=0, j6=2), fail="j5")
    assert judged[6] == Suspect()
    assert (
        text(judged[5])
        == "j5: Job's worker process was killed by SIGSEGV (pid 7, and 1 other jobs ran in it)"
    )


@pytest.mark.parametrize("fail", ["", "j5 j6"])
def test_a_kill_by_resqd_convicts_its_target_only(fail: str) -> None:
    """Its siblings go back uncharged, under whatever rule."""
    judged = judge(death(5, 6, convicted=(5,), blamed=False), held(j5=0, j6=2), fail=fail)
    assert {token: text(verdict) for token, verdict in judged.items()} == {5: "j5: Job was killed"}


def test_a_job_that_is_not_in_flight_any_more_pays_nothing() -> None:
    """It was acknowledged between its last step and the crash; the other one was alone."""
    assert judge(death(5, 6), held(j6=0)) == {6: Charge()}
    assert judge(death(), {}) == {}
