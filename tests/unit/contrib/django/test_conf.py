"""RESQD in a project's settings: what is wrong is said by name, all of it at once."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from resqd.contrib.django.conf import Configuration
from resqd.settings import OPTIONS, Settings


def refusal(given: object) -> list[str]:
    with pytest.raises(ImproperlyConfigured) as caught:
        Configuration.of(given)
    return str(caught.value).splitlines()


def test_every_flag_is_a_key() -> None:
    """What `resqd start` takes as a flag, RESQD takes as a key, and the daemon understands it."""
    given = {
        option.flag.removeprefix("--").replace("-", "_").upper(): option.default
        for option in OPTIONS
        if option.default and option.field != "host"
    }
    said = Configuration.of(given).daemon
    assert Settings.load({}, said) == Settings.load({})


def test_values_may_be_of_pythons_own_kinds() -> None:
    """Numbers, lists and None come out as a flag's text would."""
    said = Configuration.of(
        {"WORKERS": 2, "INTERVAL": 0.5, "QUEUES": ["mail:4", "low"], "REDIS_URL": None, "STATSD_HOST": ""}
    )
    assert said.daemon == {"worker_count": "2", "interval": "0.5", "queues": "mail:4,low"}


def test_nothing_given_is_the_default() -> None:
    """An empty RESQD waits for no commit, runs nothing inline, and leaves the daemon's settings alone."""
    assert Configuration.of({}) == Configuration(daemon={}, on_commit=False, inline=False, web_url="")


def test_an_unknown_key_names_what_was_meant() -> None:
    """A misspelt key, one in small letters, a variable's name, and one that is like nothing."""
    assert refusal({"QUEUE_S": "mail"}) == ["RESQD['QUEUE_S']: there is no such key; did you mean QUEUES?"]
    assert refusal({"workers": 2}) == ["RESQD['workers']: there is no such key; did you mean WORKERS?"]
    assert refusal({"WORKER_COUNT": 2}) == ["RESQD['WORKER_COUNT']: there is no such key; write WORKERS"]
    assert refusal({"resqd_namespace": "x"}) == [
        "RESQD['resqd_namespace']: there is no such key; write NAMESPACE"
    ]
    assert refusal({"zzz": 2})[0].startswith(
        "RESQD['zzz']: there is no such key; they are APP, QUEUES, ORDER, WORKERS"
    )


def test_all_wrong_values_are_said_at_once() -> None:
    """Each in a line with its remedy; a URL is not repeated, since it may hold a password."""
    lines = refusal(
        {
            "WORKERS": "many",
            "ON_COMMIT": "yes",
            "THREADS": True,
            "WEB_URL": "ftp",
            "REDIS_URL": "http://:secret@x",
        }
    )
    assert [line.partition(":")[0] for line in lines] == [
        "RESQD['WORKERS']",
        "RESQD['ON_COMMIT']",
        "RESQD['THREADS']",
        "RESQD['WEB_URL']",
        "RESQD['REDIS_URL']",
    ]
    assert "secret" not in "\n".join(lines)
    assert refusal(["mail"]) == ["RESQD is ['mail']; it takes a dictionary"]
