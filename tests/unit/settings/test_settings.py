"""Settings: what is taken, what is refused, and how it is said."""

from dataclasses import fields
from pathlib import Path

import pytest

from resqd.errors import SettingsError
from resqd.settings import OPTIONS, Option, QueueSpec, Settings


def problems_of(environ: dict[str, str], **overrides: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ, overrides)
    return caught.value.problems


def test_defaults_are_those_of_the_fork() -> None:
    """An empty environment gives one worker, one thread, one job a fork, all queues, polled every 0.1 s."""
    settings = Settings.load({})
    assert (settings.worker_count, settings.thread_count, settings.jobs_per_fork) == (1, 1, 1)
    assert (settings.queues, settings.interval) == ((QueueSpec("*"),), 0.1)
    assert (settings.namespace, settings.name, settings.redis_url) == ("resque", "resqd", None)
    assert settings.daemon == f"{settings.host}/resqd"


def test_every_wrong_variable_is_named_at_once() -> None:
    """One try shows all problems, each on one line with variable, value and remedy."""
    wrong = {
        "WORKER_COUNT": "abc",
        "THREAD_COUNT": "-1",
        "INTERVAL": "1e9",
        "KILL_GRACE": "nan",
        "ON_CRASH": "shrug",
    }
    problems = problems_of(wrong, max_deliveries=0)
    assert [problem.partition("=")[0] for problem in problems] == [
        "WORKER_COUNT",
        "THREAD_COUNT",
        "INTERVAL",
        "KILL_GRACE",
        "ON_CRASH",
        "MAX_DELIVERIES (--max-deliveries)",
    ]
    assert problems[0] == "WORKER_COUNT=abc: give a whole number from 1 to 1024"
    assert not any("\n" in problem for problem in problems)


NUMBERS = [option for option in OPTIONS if option.metavar in {"N", "SECONDS", "PORT"}]


@pytest.mark.parametrize("text", ["abc", "-1", "1e9", "nan", "inf", "0x10", "1_000", "١", "9" * 30, "1 2"])  # noqa: RUF001 - a digit that int() takes
@pytest.mark.parametrize("option", NUMBERS, ids=[option.variable for option in NUMBERS])
def test_numbers_are_bounded_and_plain(option: Option, text: str) -> None:
    """No number takes words, signs, exponents, NaN, other scripts' digits, or a value out of its bounds."""
    assert problems_of({option.variable: text})[0].startswith(f"{option.variable}=")


def test_flags_win_over_variables_and_none_means_not_given() -> None:
    """An override replaces the variable's value, wrong or right; None leaves it."""
    settings = Settings.load(
        {"WORKER_COUNT": "abc", "THREAD_COUNT": "3"}, {"worker_count": 2, "thread_count": None}
    )
    assert (settings.worker_count, settings.thread_count) == (2, 3)


def test_empty_variables_count_as_unset() -> None:
    """An environment file may list a variable without a value."""
    assert Settings.load({"WORKER_COUNT": "", "REDIS_URL": " "}).worker_count == 1


def test_a_blank_flag_of_a_setting_that_may_be_absent_counts_as_unset() -> None:
    """A script's empty variable is no statsd host, no pidfile and no app; the environment's value stands."""
    blank = {option.field: " " for option in OPTIONS if option.optional}
    assert {"app", "http", "redis_url", "secret", "statsd_host", "statsd_key", "pidfile"} == set(blank)
    settings = Settings.load({"STATSD_KEY": "k"}, blank)
    assert (settings.statsd_host, settings.statsd_key, settings.pidfile) == (None, "k", None)
    assert not settings.metered
    assert problems_of({}, name="", worker_count=" ")[1].startswith("RESQD_NAME (--name)=: give letters")


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("critical, mail ,*", [QueueSpec("critical"), QueueSpec("mail"), QueueSpec("*")]),
        ("a:4,b:50%", [QueueSpec("a", cap_count=4), QueueSpec("b", cap_percent=50)]),
        ("tenant:mail,tenant:mail:2", [QueueSpec("tenant:mail"), QueueSpec("tenant:mail", cap_count=2)]),
        ("{a,b}_*,c", [QueueSpec("{a,b}_*"), QueueSpec("c")]),
        ("naïve,a,a", [QueueSpec("naïve"), QueueSpec("a")]),
    ],
)
def test_queues_are_read_in_order_with_caps_and_globs(text: str, specs: list[QueueSpec]) -> None:
    """Commas in braces belong to the glob, a ':' may belong to the name, and repetition is dropped."""
    if len({spec.pattern for spec in specs}) < len(specs):
        assert "twice" in problems_of({"QUEUES": text})[0]
    else:
        assert Settings.load({"QUEUE": text}).queues == tuple(specs)


@pytest.mark.parametrize(
    "text",
    ["*:4", "a?:50%", "a:0", "a:101%", "a:-1", "a:1.5", "a:1e3", ":4", "a\nb", "a\x1b[31m", "a\udcff", ","],
)
def test_impossible_queues_are_refused_without_forging_a_line(text: str) -> None:
    """A cap with a glob, a cap that is no count, and names with control or stray bytes are refused, escaped."""
    problem = problems_of({"QUEUES": text})[0]
    assert problem.startswith("QUEUES=")
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("environ", "level"),
    [
        ({}, "info"),
        ({"LOGGING": "1"}, "info"),
        ({"LOGGING": "off"}, "warning"),
        ({"LOGGING": "error", "VERBOSE": "1"}, "error"),
        ({"VERBOSE": "yes"}, "info"),
        ({"LOGGING": "1", "VVERBOSE": "1"}, "debug"),
        ({"VVERBOSE": "0"}, "info"),
        ({"LOGGING": "Warn"}, "warning"),
    ],
)
def test_the_three_switches_of_verbosity_fold_into_one_level(environ: dict[str, str], level: str) -> None:
    """VVERBOSE wins, then LOGGING (a level or a switch), then VERBOSE."""
    assert Settings.load(environ).log_level == level


@pytest.mark.parametrize("url", ["redis://h:6379/2", "rediss://u:p%40ss@h/0", "unix:///run/redis.sock?db=3"])
def test_urls_of_the_client_are_taken(url: str) -> None:
    """Plain, TLS and socket URLs pass unchanged."""
    assert Settings.load({"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    "url", ["http://u:secret@h", "redis://u:12/secret@h", "redis://u:se/cret@h", "secret"]
)
def test_a_wrong_url_is_refused_without_repeating_it(url: str) -> None:
    """A password may stand in it, so the problem shows none of it."""
    problem = problems_of({"REDIS_URL": url})[0]
    assert problem.startswith("REDIS_URL=")
    assert "cret" not in problem


@pytest.mark.parametrize("url", ["redis://h:port", "http://h/0", "redis//h:6379/0", "h/0"])
def test_a_wrong_url_without_a_password_is_shown(url: str) -> None:
    """So that one sees the slip."""
    assert problems_of({"REDIS_URL": url})[0].startswith(f"REDIS_URL={url}: ")


def test_queues_with_a_space_between_them_are_refused() -> None:
    """Who writes `mail low` means two: it is refused, and the message says how two are written, and one."""
    assert problems_of({"QUEUES": "mail low"}) == [
        "QUEUES=mail low: 'mail low' has a space in it; two queues have a comma between them: mail,low; for one whose "
        "name has a space write ? in its place"
    ]
    assert [spec.pattern for spec in Settings.load({"QUEUES": "mail, low?x"}).queues] == ["mail", "low?x"]


def test_no_password_is_shown() -> None:
    """Neither `public` nor the settings' own repr holds the URL's user or password."""
    settings = Settings.load({"REDIS_URL": "redis://user:hunter2@h:6379/2?password=hunter2"})
    assert settings.public()["redis_url"] == "redis://h:6379/2"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.public())


def test_failure_backends_are_known_names() -> None:
    """One name or several after multiple:, with the fork's two spellings."""
    assert Settings.load({"FAILURE_BACKEND": "redis-multi-queue"}).failure_backend == ("redis_multi_queue",)
    both = Settings.load({"FAILURE_BACKEND": "multiple:redis,redis_multi_queue"}).failure_backend
    assert both == ("redis", "redis_multi_queue")
    for text in ("mine.Backend", "redis,redis_multi_queue", "multiple:", "multiple:redis,redis"):
        assert problems_of({"FAILURE_BACKEND": text})


def test_pause_files_stand_beside_the_two_of_the_fork() -> None:
    """RESQD_PAUSE_FILES adds, and replaces nothing."""
    files = Settings.load({"RESQD_PAUSE_FILES": "/run/a:/run/b"}).all_pause_files
    assert files[-2:] == (Path("/run/a"), Path("/run/b"))
    assert Path("/etc/consul_disabled") in files
    assert Path("/tmp/consul_disabled") in files


def test_a_prune_interval_that_convicts_the_living_is_refused() -> None:
    """PRUNE_INTERVAL must be more than twice HEARTBEAT_INTERVAL."""
    assert problems_of({"PRUNE_INTERVAL": "10", "HEARTBEAT_INTERVAL": "5"})[0].startswith("PRUNE_INTERVAL=10")


@pytest.mark.parametrize(
    ("environ", "start"),
    [
        ({"THREAD_COUNT": "8", "JOBS_PER_FORK": "5"}, "THREAD_COUNT=8"),
        ({"QUEUES": "a:4"}, "QUEUES: a:4"),
        ({"QUEUES": "*,mail"}, "QUEUES: mail"),
        ({"STATSD_HOST": "h"}, "STATSD_HOST and STATSD_KEY"),
    ],
)
def test_settings_that_do_nothing_are_warned_of(environ: dict[str, str], start: str) -> None:
    """Each gives one line that begins with its variable."""
    (line,) = Settings.load(environ).warnings()
    assert line.startswith(start)


def test_plain_settings_warn_of_nothing() -> None:
    """The defaults, and never recycling with many threads, are fine."""
    assert Settings.load({}).warnings() == []
    assert Settings.load({"THREAD_COUNT": "8", "JOBS_PER_FORK": "0"}).warnings() == []


def test_every_option_names_a_field_a_variable_and_a_flag_of_its_own() -> None:
    """The table behind help, README and environment file has no row twice and misses no field."""
    derived = {"runtime_folder", "has_namespace"}
    assert {option.field for option in OPTIONS} == {field.name for field in fields(Settings)} - derived
    assert (
        len({option.variable for option in OPTIONS})
        == len({option.flag for option in OPTIONS})
        == len(OPTIONS)
    )
    assert all(option.help and option.metavar for option in OPTIONS)


def test_every_shown_default_is_the_default() -> None:
    """Where the table shows a value, parsing it gives the field's default."""
    defaults = Settings.load({})
    for option in OPTIONS:
        if option.default and option.field != "host":
            assert option.parse(option.default) == getattr(defaults, option.field), option.variable


def test_a_secret_is_long_and_shown_nowhere() -> None:
    """Neither in what is said of one that is too short, nor in a Settings as text, nor in the status."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({"RESQD_SECRET": "hunter2"})
    assert "RESQD_SECRET" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    settings = Settings.load({"RESQD_SECRET": "hunter2-hunter2-hunter2"})
    assert "hunter2" not in repr(settings) + str(settings.public())
    assert settings.public()["secret"] == "set"


def test_shards_have_a_worker_each_and_the_first_is_home() -> None:
    """Where REDIS_URL is given too it must name the same home; else two programs would have two."""
    settings = Settings.load({"REDIS_SHARDS": "redis://u:pw@a redis://b redis://c", "WORKER_COUNT": "2"})
    assert (settings.redis_url, settings.worker_count) == ("redis://u:pw@a", 3)
    assert [shard.url for shard in settings.shards] == ["redis://u:pw@a", "redis://b", "redis://c"]
    assert settings.public()["redis_shards"] == ["redis://a", "redis://b", "redis://c"]
    assert "pw" not in repr(settings)
    with pytest.raises(SettingsError, match=r"REDIS_URL: with REDIS_SHARDS leave it out"):
        Settings.load({"REDIS_SHARDS": "redis://a redis://b", "REDIS_URL": "redis://b"})
    assert len(Settings.load({}).shards) == 1
