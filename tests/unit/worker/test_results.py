"""What a job returned goes to others as JSON."""

import pytest

from resqd.errors import PayloadError
from resqd.store.debts import Debt
from resqd.store.resque import payload as payloads
from resqd.worker.results import Kept
from tests.support.loose_jobs import job_of

JOB = job_of(lambda given: given)
RAW = b'{"resqd":{"owes":{"node":"7 b"},"gives":true},"class":"job","args":[%b],"id":"7"}'


def test_a_result_is_told_before_the_end_of_its_job() -> None:
    """Under the job's own name in its workflow."""
    kept = Kept(JOB, payloads.decode(RAW % b'"x"'))
    assert (kept.gives, kept.debts) == (True, ())
    kept.keep(["ä", "ä"])
    assert (kept.value, kept.debts) == (["ä", "ä"], (Debt("result", '7 b ["\\u00e4","\\u00e4"]'),))


def test_a_result_that_is_not_json_fails_its_job() -> None:
    """With the reason: those that wait for it could not begin."""
    with pytest.raises(PayloadError, match=r"the result of job.* is an argument of another job, .*set"):
        Kept(JOB, payloads.decode(RAW % b'"odd"')).keep({1})


def test_where_nobody_takes_it_anything_may_be_returned() -> None:
    """It is the caller's to refuse."""
    kept = Kept(JOB, payloads.decode(b'{"class":"job","args":[],"id":"7"}'))
    kept.keep({1})
    assert (kept.gives, kept.value, kept.debts) == (False, {1}, ())
