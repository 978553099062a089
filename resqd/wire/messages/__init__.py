"""The messages between the master and its children, as frozen dataclasses; their tags are positions in `Message`."""

from __future__ import annotations

from resqd.wire.messages.accounts import (
    REDIS_OK,
    REDIS_REFUSED,
    Booted,
    Confirmed,
    Exiting,
    Killing,
    KillThread,
    NearEnd,
    PauseFile,
    Pong,
    QueuePauses,
    Released,
    Relocated,
    RemoteAct,
    Settled,
    Stacks,
    State,
    Stats,
    Upkeep,
    Usable,
    Yielded,
)
from resqd.wire.messages.jobs import JobMetrics, Progress, Running
from resqd.wire.messages.orders import (
    ActAnswered,
    Alive,
    Busy,
    Confirm,
    Death,
    Drain,
    DumpStacks,
    Farewell,
    Kill,
    KillJobs,
    Pause,
    PausedQueues,
    Ping,
    Resume,
    Slots,
    Stop,
    Vitals,
)

__all__ = [
    "REDIS_OK",
    "REDIS_REFUSED",
    "ActAnswered",
    "Alive",
    "Booted",
    "Busy",
    "Confirm",
    "Confirmed",
    "Death",
    "Drain",
    "DumpStacks",
    "Exiting",
    "Farewell",
    "JobMetrics",
    "Kill",
    "KillJobs",
    "KillThread",
    "Killing",
    "Message",
    "NearEnd",
    "Pause",
    "PauseFile",
    "PausedQueues",
    "Ping",
    "Pong",
    "Progress",
    "QueuePauses",
    "Released",
    "Relocated",
    "RemoteAct",
    "Resume",
    "Running",
    "Settled",
    "Slots",
    "Stacks",
    "State",
    "Stats",
    "Stop",
    "Upkeep",
    "Usable",
    "Vitals",
    "Yielded",
]

Message = (
    Pause
    | Resume
    | Drain
    | Stop
    | Kill
    | Slots
    | Ping
    | DumpStacks
    | Alive
    | Busy
    | Booted
    | Pong
    | Stats
    | State
    | Released
    | Yielded
    | NearEnd
    | Killing
    | Stacks
    | Upkeep
    | Settled
    | PauseFile
    | KillThread
    | Exiting
    | KillJobs
    | Confirm
    | Confirmed
    | Relocated
    | Vitals
    | QueuePauses
    | PausedQueues
    | Farewell
    | RemoteAct
    | ActAnswered
    | Usable
)
