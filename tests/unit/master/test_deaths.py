"""What a death means: for the place, for the jobs, for the log."""

from dataclasses import replace
from typing import Any

import pytest

from resqd.master.child import NO_STATS
from resqd.master.deaths import Exit, death, died_at_boot, epitaph, in_order
from resqd.wire.birth import Kind
from tests.support.family import child, housekeeper

FINE = Exit(1, status=0, signal=None)
CRASH = Exit(1, status=None, signal=11)


@pytest.mark.parametrize("word", ["recycled", "left", "burst", "fenced", "threadless"])
def test_a_good_bye_leaves_nothing_to_recover(word: str) -> None:
    """Unless its process ended otherwise than it said."""
    gone = child(1, exiting=word)
    assert in_order(gone, FINE)
    assert death(gone, FINE) is None
    assert not in_order(gone, CRASH)


def test_a_crash_is_blamed_on_what_ran() -> None:
    """Its jobs are named out of the shared page."""
    last_words = death(child(1, runs=(7, 0, 8)), CRASH)
    assert last_words is not None
    assert (last_words.running, last_words.convicted, last_words.blamed) == ((7, 8), (), True)
    assert last_words.reason == "was killed by SIGSEGV"


def test_a_kill_of_ours_convicts_only_its_targets() -> None:
    """The others go back uncharged, and so does what an error of resqd's own brought down."""
    last_words = death(child(1, runs=(7, 8), killed_for=frozenset({8})), Exit(1, status=None, signal=9))
    assert last_words is not None
    assert (last_words.convicted, last_words.blamed) == ((8,), False)
    error = death(child(1, runs=(7,), exiting="the fetcher crashed"), Exit(1, status=70, signal=None))
    assert error is not None
    assert not error.blamed
    assert error.reason == "exited with status 70: the fetcher crashed"


def test_a_housekeeper_has_no_jobs() -> None:
    """Its death is recovered by its successor's work."""
    assert death(housekeeper(), CRASH) is None


@pytest.mark.parametrize(
    ("facts", "lived", "at_boot"),
    [
        ({"booted": False}, 20.0, True),
        ({}, 0.5, True),
        ({}, 1.5, False),
        ({"stats": replace(NO_STATS, processed=1)}, 0.5, False),
        ({"runs": (7,)}, 0.5, False),
        ({"exiting": "recycled"}, 0.5, False),
        ({"exiting": "threadless"}, 20.0, True),
        ({"killed_for": frozenset()}, 0.5, False),
        ({"exiting": "the fetcher crashed"}, 20.0, True),
        ({"exiting": "the fetcher crashed", "stats": replace(NO_STATS, processed=1)}, 20.0, False),
        ({"kind": Kind.HOUSEKEEPER, "exiting": "an error"}, 20.0, False),  # the heartbeat cannot wait
        ({"kind": Kind.PROBATION}, 20.0, True),  # while it fetched its job
        ({"kind": Kind.PROBATION, "runs": (7,)}, 20.0, False),
    ],
)
def test_what_counts_as_a_death_at_boot(facts: dict[str, Any], lived: float, at_boot: bool) -> None:
    """Before it was ready, or so soon after that the next one would do the same."""
    end = FINE if facts.get("exiting") == "recycled" else CRASH
    assert died_at_boot(child(1, **facts), end, lived=lived) == at_boot


def test_the_log_says_why() -> None:
    """Which child, how, after how long, and its last words."""
    assert (
        epitaph(child(1, exiting="recycled"), FINE, lived=2.0)
        == "worker 0 (pid 1001) ended: recycled, after 2.0 s and 0 jobs"
    )
    crashed = child(1, exiting="RuntimeError: no", booted=False)
    said = epitaph(crashed, Exit(1, status=70, signal=None), lived=0.1)
    assert (
        said
        == "worker 0 (pid 1001) exited with status 70: RuntimeError: no, after 0.1 s, with 0 jobs on its threads"
    )
