"""Asking code that may hang."""

import threading
import time

from resqd.housekeeper.inquest import Patience


def test_an_answer_in_time_counts() -> None:
    """Whatever it is."""
    assert Patience[int](what="it", within=5.0).ask(lambda: 7, 1) == 7


def test_one_that_hangs_is_waited_for_once() -> None:
    """The default is given in its place, at once while it is still stuck; then it is asked again."""
    free, patience = threading.Event(), Patience[int](what="it", within=0.05)

    def hang() -> int:
        free.wait(10)
        return 7

    assert patience.ask(hang, 1) == 1
    began = time.monotonic()
    for _ in range(100):
        assert patience.ask(hang, 2) == 2
    assert time.monotonic() - began < 1
    stuck = patience._stuck
    assert stuck is not None
    free.set()
    stuck.join(5)
    assert Patience[int](what="it", within=5.0).ask(lambda: 3, 1) == 3
    assert patience.ask(lambda: 3, 1) == 3
