"""The worker's process title, as `ps` shows it."""

from __future__ import annotations

from setproctitle import setproctitle, setthreadtitle

from resqd.text import escaped


class Title:
    """Written by the control thread with each report; and by the job thread that begins a job while it names none.

    That job may hold the GIL, and then nobody else gets to write. Job threads do so only while the
    title is `idle`, that is at the most once for each report.
    """

    def __init__(self) -> None:
        self.idle = False
        self._head = ""
        self._text = ""

    def show(self, head: str, activity: str, *, idle: bool) -> None:
        """Show what is known now. Once `idle` stands, look at the threads again: one may have begun just before."""
        self._head = head
        self._write(f"{head} {activity}")
        self.idle = idle

    def began(self, job_class: str, *, thread: str) -> None:
        """Name a job that begins on the calling thread. A title renames that too: it is called `thread` again."""
        self.idle = False
        self._write(f"{self._head} Processing: {job_class}")
        setthreadtitle(thread)

    def _write(self, text: str) -> None:
        if text != self._text:
            self._text = text
            setproctitle(escaped(text))
