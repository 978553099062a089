"""The order of queues, for any list of patterns and any queues that exist."""

from hypothesis import given
from hypothesis import strategies as st

from resqd.settings import QueueSpec
from resqd.store.names import is_pattern
from resqd.worker.queues import expand, limited

NAMES = st.text("abc:- ", min_size=1, max_size=4)
PATTERNS = st.one_of(NAMES, st.sampled_from(["*", "a*", "?", "{a,b}*", "[ab]c", "*c"]))
SPECS = st.lists(PATTERNS.map(QueueSpec), max_size=6)


@given(SPECS, st.sets(NAMES, max_size=8))
def test_the_order_is_that_of_the_list_and_each_queue_stands_once(
    specs: list[QueueSpec], existing: set[str]
) -> None:
    """Named queues are there even if they do not exist, patterns add only what does; the order of the set is none."""
    order = expand(specs, existing)
    assert len(order) == len(set(order))
    named = [spec.pattern for spec in specs if not is_pattern(spec.pattern)]
    assert set(named) <= set(order) <= existing | set(named)
    assert order == expand(specs, sorted(existing, reverse=True))
    assert [name for name in order if name not in existing] == [
        name for name in dict.fromkeys(named) if name not in existing
    ]


@given(SPECS, SPECS, st.sets(NAMES, max_size=8))
def test_what_stands_first_comes_first(
    first: list[QueueSpec], rest: list[QueueSpec], existing: set[str]
) -> None:
    """A list's beginning is not changed by what stands behind it."""
    head = expand(first, existing)
    assert expand(first + rest, existing)[: len(head)] == head


@given(
    st.lists(NAMES, unique=True, max_size=6),
    st.dictionaries(NAMES, st.integers(0, 3), max_size=4),
    st.dictionaries(NAMES, st.integers(0, 4), max_size=4),
)
def test_a_capped_queue_never_gives_more_than_its_quota_leaves(
    names: list[str], quotas: dict[str, int], held: dict[str, int]
) -> None:
    """The others are unlimited (0), full ones left out, the order kept."""
    given_out = limited([(name, 0) for name in names], quotas, held)
    assert [name for name, _ in given_out] == [
        name for name in names if name not in quotas or quotas[name] > held.get(name, 0)
    ]
    for name, limit in given_out:
        assert limit == (quotas[name] - held.get(name, 0) if name in quotas else 0)
