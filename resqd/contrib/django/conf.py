"""The RESQD of a project's settings, checked: what daemons are told, and what the project's own processes do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from resqd.settings import OPTIONS, Option

_DAEMON: Final = {option.flag.removeprefix("--").replace("-", "_").upper(): option for option in OPTIONS}
"""Each flag of `resqd start` is a key: --jobs-per-fork is RESQD["JOBS_PER_FORK"]."""
_SWITCHES: Final = ("ON_COMMIT", "INLINE")
_LINKS: Final = ("http://", "https://", "/")
KEYS: Final = (*_DAEMON, *_SWITCHES, "WEB_URL", "KEYS")
_BY_VARIABLE: Final = {
    variable: key for key, option in _DAEMON.items() for variable in (option.variable, *option.aliases)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What RESQD says; each value that it does not give is absent from `daemon`, or has its default here."""

    daemon: dict[str, str] = field(default_factory=dict, repr=False)  # the URL may hold a password
    """By the name of a field of `resqd.settings.Settings`, as text."""
    on_commit: bool = False
    """Whether what is enqueued within a transaction goes to Redis when that is committed."""
    inline: bool = False
    """Whether enqueueing runs the job at once."""
    keys: tuple[str | bytes, ...] | None = field(default=None, repr=False)
    """With which arguments and results are encrypted: the first one encrypts, all decrypt."""
    web_url: str = ""
    """Where `resqd web` is seen, for the admin's link."""

    @classmethod
    def of(cls, given: object) -> Configuration:
        """Check a RESQD; raises ImproperlyConfigured with all that is wrong."""
        if not isinstance(given, Mapping):
            raise ImproperlyConfigured(f"RESQD is {given!r}; it takes a dictionary")
        problems: list[str] = []
        daemon: dict[str, str] = {}
        own: dict[str, Any] = {}
        for key, value in given.items():
            try:
                if key in _DAEMON:
                    daemon |= _checked(_DAEMON[key], value)
                else:
                    own |= _own(key, value)
            except ValueError as error:
                problems.append(f"RESQD[{key!r}]: {error}")
        if problems:
            raise ImproperlyConfigured("\n".join(problems))
        return cls(daemon=daemon, **own)


def _checked(option: Option, value: object) -> dict[str, str]:
    """The option's text by its field's name; nothing where it is None or blank, which is as not given."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is no value for {option.metavar}")  # noqa: TRY004 - collected as the others
    text = ",".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
    if value is None or not text.strip():
        return {}
    option.parse(text)
    return {option.field: text}


def _own(key: object, value: object) -> dict[str, Any]:
    if key in _SWITCHES:
        if not isinstance(value, bool):
            raise ValueError(f"{value!r}: give True or False")
        return {str(key).lower(): value}
    if key == "KEYS":
        if value is not None and not isinstance(value, list | tuple):
            raise ValueError("give a list of keys, and not one by itself")
        return {"keys": tuple(value) if value else None}
    if key == "WEB_URL":
        if value and not (isinstance(value, str) and value.startswith(_LINKS)):
            raise ValueError(f"{value!r}: give an address, such as https://example.com/resqd/")
        return {"web_url": value or ""}
    raise ValueError(f"there is no such key; {_meant(str(key))}")


def _meant(key: str) -> str:
    """What a wrong key could have been: a variable's name, the same in capitals, or something near."""
    if known := _BY_VARIABLE.get(key.upper()):
        return f"write {known}"
    near = (
        [key.upper()]
        if key.upper() in KEYS
        else difflib.get_close_matches(key.upper(), [*KEYS, *_BY_VARIABLE])
    )
    names = dict.fromkeys(name if name in KEYS else _BY_VARIABLE[name] for name in near)
    return f"did you mean {' or '.join(names)}?" if names else f"they are {', '.join(KEYS)}"


class _Cache:
    configuration: Configuration | None = None


def configuration() -> Configuration:
    """What the settings say. Errors: ImproperlyConfigured."""
    if _Cache.configuration is None:
        _Cache.configuration = Configuration.of(getattr(settings, "RESQD", {}))
    return _Cache.configuration


def forget(*, setting: str, **_: Any) -> None:
    """Read RESQD again, since a test has overridden it."""
    if setting == "RESQD":
        _Cache.configuration = None


setting_changed.connect(forget, dispatch_uid="resqd.contrib.django.conf")
