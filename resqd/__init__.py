"""resqd: a job daemon that speaks Resque's wire format."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resqd import testing, typed
    from resqd.app import App
    from resqd.application.workflows import RESULT
    from resqd.class_job import ClassJob
    from resqd.current import CurrentJob, current_job
    from resqd.errors import (
        AlreadyEnqueued,
        BatchDone,
        BatchError,
        DirtyExit,
        DontPerform,
        JobDefinitionError,
        JobFailed,
        JobInterrupt,
        JobTimeout,
        LimitFull,
        PayloadError,
        ResqdError,
        StoreError,
        StoreRefused,
        StoreUnavailable,
        UnknownBatch,
        UnknownJob,
    )
    from resqd.job import Job
    from resqd.limits import Concurrency, Rate, limit
    from resqd.retry import Discard, Retry, RetryLater, Snooze
    from resqd.unique import Unique
    from resqd.using import Signature

__version__ = "1.0.0"
SHORT_VERSION = ".".join(__version__.split(".")[:2])
"""Major and minor version, as titles show it."""

__all__ = [
    "RESULT",
    "AlreadyEnqueued",
    "App",
    "BatchDone",
    "BatchError",
    "ClassJob",
    "Concurrency",
    "CurrentJob",
    "DirtyExit",
    "Discard",
    "DontPerform",
    "Job",
    "JobDefinitionError",
    "JobFailed",
    "JobInterrupt",
    "JobTimeout",
    "LimitFull",
    "PayloadError",
    "Rate",
    "ResqdError",
    "Retry",
    "RetryLater",
    "Signature",
    "Snooze",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "Unique",
    "UnknownBatch",
    "UnknownJob",
    "__version__",
    "current_job",
    "limit",
    "testing",
    "typed",
]

_HOMES = {
    "App": "resqd.app",
    "RESULT": "resqd.application.workflows",
    "ClassJob": "resqd.class_job",
    "CurrentJob": "resqd.current",
    "current_job": "resqd.current",
    "Concurrency": "resqd.limits",
    "Rate": "resqd.limits",
    "limit": "resqd.limits",
    "Job": "resqd.job",
    "Discard": "resqd.retry",
    "Retry": "resqd.retry",
    "RetryLater": "resqd.retry",
    "Signature": "resqd.using",
    "Snooze": "resqd.retry",
    "Unique": "resqd.unique",
}


_MODULES = {"testing", "typed"}
"""Modules that are imported when they are first used, as `resqd.testing`."""


def __getattr__(name: str) -> Any:
    # Importing resqd must not import redis: resqctl and the master live without it (PEP 562).
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(_HOMES.get(name, "resqd.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # What is not imported yet is there all the same, for whoever completes names.
    return sorted(__all__)
