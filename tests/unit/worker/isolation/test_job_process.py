"""What a job's process tells, as the thread reads it."""

import pickle

from resqd.cursors import Progress
from resqd.store.inflight.owner import Failure
from resqd.worker.isolation.job_process import SHARE, SUCCESS, Answer, answer_of, progress_of


def test_a_success_is_an_empty_frame() -> None:
    """And all else comes as it was."""
    assert answer_of(b"") is SUCCESS
    failed = Answer(Failure(7, b"{}"))
    assert answer_of(pickle.dumps(failed)) == failed


def test_progress_comes_as_it_was() -> None:
    """Its note too."""
    assert progress_of(SHARE.pack(1, 2.5) + "Zeilen…".encode()) == Progress(1, 2.5, "Zeilen…")
