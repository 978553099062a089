"""What a daemon is told: the table of settings, and the frozen Settings that are made of it."""

from resqd.queue_specs import QueueSpec
from resqd.settings.option import Option
from resqd.settings.settings import OPTIONS, Settings

__all__ = ["OPTIONS", "Option", "QueueSpec", "Settings"]
