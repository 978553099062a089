"""What happens in a daemon, as events. The words of the log stand in this room and nowhere else.

The code emits an event with its facts: `events.Master.scaled(before=2, after=3)`. The log tells it in words, JSON
logs carry its name and facts as fields too, and whoever listens (metrics, a web page) gets both.
"""

from resqd.events.event import Event, Listener, listen
from resqd.events.housekeeper import Housekeeper
from resqd.events.master import Master
from resqd.events.others import App, Cli, Outbox, Store, Web, Wire
from resqd.events.worker import Worker

__all__ = [
    "App",
    "Cli",
    "Event",
    "Housekeeper",
    "Listener",
    "Master",
    "Outbox",
    "Store",
    "Web",
    "Wire",
    "Worker",
    "listen",
]
