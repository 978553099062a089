"""Numbers, ages and names as people read them."""

import pytest

from resqd.web import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "-"),
        (-3, "0 ms"),
        (0.1404, "140 ms"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (846, "14 min 06 s"),
        (3600 * 3 + 60, "3 h 01 min"),
        (86_400 * 2 + 7200, "2 d 2 h"),
    ],
)
def test_ages_have_two_units_at_most(seconds: float | None, said: str) -> None:
    """And one decimal under ten seconds."""
    assert words.age(seconds) == said


def test_ago_is_in_whole_seconds() -> None:
    """Heartbeats are told to the second, so a fraction would be invented."""
    assert [words.ago(each) for each in (None, 0.2, 1.4, 75.0)] == [
        "-",
        "0 s ago",
        "1.0 s ago",
        "1 min 15 s ago",
    ]


def test_numbers_have_commas_and_units() -> None:
    """`-` where there is none, 0 where there is zero."""
    assert [words.count(each) for each in (None, 0, 21094)] == ["-", "0", "21,094"]
    assert [words.rate(each) for each in (None, 0, 0.25, 2841.4)] == ["-", "0", "0.2", "2,841"]
    assert [words.size(each) for each in (1, 999, 1500, 3_000_000, 5 * 10**15)] == [
        "1 bytes",
        "999 bytes",
        "1.5 kB",
        "3.0 MB",
        "5,000 TB",
    ]
    assert [words.plural(each, "job") for each in (1, 2)] == ["1 job", "2 jobs"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026/11/25 06:00:00 UTC", 1795586400.0),
        ("2026-11-25T06:00:00Z", 1795586400.0),
        ("2026-11-25 06:00:00 +0000", 1795586400.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("0001/01/01", -62135596800.0),
    ],
)
def test_times_of_resque_and_ruby_are_read(text: str | None, at: float | None) -> None:
    """Whatever else stands there is no time, and no error."""
    assert words.moment_of(text) == at


def test_no_time_breaks_a_page() -> None:
    """Times from strangers may be of any size."""
    assert [words.clock(each) for each in (None, 1e18, float("nan"), float("inf"))] == ["-"] * 4
    assert words.stamp(1e300) == ""


def test_names_are_printable_and_cut() -> None:
    """A stranger's name forges nothing, and an id shows its two ends."""
    assert words.name("a\nb\u202e") == "a\\nb\\u202e"
    assert words.name("") == "(blank)"
    assert words.short_id("7f3a91c2e08b4d57a6f1c33e5b9019d0") == "7f3a91c2…19d0"
    assert words.cut("x" * 100, 10) == "x" * 9 + "…"
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert words.as_json(nested) == "(nested too deep)"
