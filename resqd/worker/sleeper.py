"""Where the fetcher sleeps: until a job thread or the control thread rings, the doorbell rings, or time is up."""

from __future__ import annotations

import select

from resqd.wire.bell import Bell
from resqd.worker.mandate import Wake


class Sleeper:
    """Waits on the worker's own wake and, while its queues are empty, on the host's doorbell.

    The doorbell is one descriptor in all workers: EPOLLEXCLUSIVE lets the kernel wake one of them.
    """

    def __init__(self, *, wake: Wake, bell: Bell, fork: int) -> None:
        self._wake = wake
        self._bell = bell
        self._fork = fork
        self.listening = False
        """Whether this worker's own flag says that it is idle."""
        self._poll = select.epoll()
        self._poll.register(wake.descriptor, select.EPOLLIN)

    def sleep(self, timeout: float, *, listen: bool) -> bool:
        """Sleep at most `timeout` seconds; whether the doorbell ended it. `listen`: the queues are empty."""
        self._listen(listen=listen)
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout)}
        if self._wake.descriptor in ready:
            self._wake.clear()
        return self._bell.rung in ready and self._bell.take()

    def descriptors(self) -> list[int]:
        """What it needs to be open."""
        return [self._poll.fileno(), self._bell.rung, self._bell.wanted]

    def close(self) -> None:
        """Stop listening for good. The descriptors stay open: closed, they would look like a job's doing."""
        self._listen(listen=False)

    def _listen(self, *, listen: bool) -> None:
        if listen:
            self._bell.set_idle(self._fork, idle=True)
        if listen and not self.listening:
            self._poll.register(self._bell.rung, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            self._bell.want()  # the housekeeper arms, and rings once after: a push in between is not missed
        elif self.listening and not listen:
            self._poll.unregister(self._bell.rung)
            self._bell.set_idle(self._fork, idle=False)
        self.listening = listen
