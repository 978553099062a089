"""What an executor of a test's own needs for jobs with options: nobody hears its alarm."""

from collections.abc import Callable, Mapping
from functools import partial

from resqd.job import Job
from resqd.worker.interrupt import Slot
from resqd.worker.ladder import Alarm
from resqd.worker.trial import ServerClock, Trials


def trials_of(jobs: Mapping[str, Job[..., object]]) -> Callable[[Slot], Trials]:
    """Makes the tries of one job thread."""
    return partial(Trials, jobs=jobs, alarm=Alarm(), clock=ServerClock())
