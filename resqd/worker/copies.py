"""Processes that jobs fork: such a copy of the worker is none, and leaves where the job's code ends in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Sequence

from setproctitle import setproctitle

from resqd.wire.bell import Bell
from resqd.wire.channel import Channel
from resqd.worker.executor import Executor


def guard(
    *,
    channel: Channel,
    bell: Bell,
    executors: Sequence[Executor],
    signals: Iterable[signal.Signals],
    title: str,
) -> None:
    """See to it, from now on and for good, that a fork in this process does not make a second worker.

    The copy has but the thread that forked. It gives up the channel, whose end tells the master of the
    worker's death, the bell, whose memory marks the daemon's own children, and the worker's signal handlers;
    its executor leaves by os._exit at the job's end.
    """
    handled = tuple(signals)

    def become_a_copy() -> None:
        for executor in executors:
            executor.copied = True
        channel.close()
        bell.unmap()
        signal.set_wakeup_fd(-1)
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        setproctitle(title)

    os.register_at_fork(after_in_child=become_a_copy)
