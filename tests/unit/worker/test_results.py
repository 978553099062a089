"""What a job returned goes to others as JSON."""

import pytest

from resqd.errors import PayloadError
from resqd.hooks import fails
from resqd.store.debts import Debt
from resqd.store.resque import payload as payloads
from resqd.worker.results import run_for_result
from tests.support.loose_jobs import job_of

RAW = b'{"resqd":{"owes":{"node":"7 b"},"gives":true},"class":"job","args":[%b],"id":"7"}'


def double(given: object) -> object:
    return [given, given] if given != "odd" else {1}


def test_a_result_is_told_before_the_end_of_its_job() -> None:
    """Under the job's own name in its workflow."""
    found = run_for_result(job_of(double), payloads.decode(RAW % b'"\xc3\xa4"'), fails)
    assert found == (Debt("result", '7 b ["\\u00e4","\\u00e4"]'),)


def test_a_result_that_is_not_json_fails_its_job() -> None:
    """With the reason: those that wait for it could not begin."""
    with pytest.raises(PayloadError, match=r"the result of job.* is an argument of another job, .*set"):
        run_for_result(job_of(double), payloads.decode(RAW % b'"odd"'), fails)
