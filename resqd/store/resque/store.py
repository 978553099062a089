"""Everything that an application asks of Redis; putting jobs on queues goes over lean connections."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from resqd.errors import PayloadError
from resqd.parsing import tagged
from resqd.store.debts import Debts, owed_by, settle_call
from resqd.store.keys import Keys
from resqd.store.later.later import Later, Schedule, When
from resqd.store.redis.links import Links
from resqd.store.redis.protocol import pack, pack_command
from resqd.store.redis.url import ConnectionConfig
from resqd.store.unique.locks import Claim, Locks, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from resqd.store.redis.arrivals import Arrival, Arrivals
    from resqd.store.redis.link import Link
    from resqd.store.redis.links import Links
    from resqd.store.resque.books import Books

T = TypeVar("T")

PUSH_CHUNK: Final = 2_000
"""Payloads in one transaction: others wait on Redis while it runs."""

KNOWN_QUEUES: Final = 1_000
"""Queues for which all that stays the same of a push is kept, packed."""


class Pusher:
    """Appends to queues, or with LPUSH puts before all that wait. Names are text; payloads are bytes, kept exactly."""

    def __init__(self, links: Links, keys: Keys, command: str = "RPUSH") -> None:
        self._links = links
        self._keys = keys
        self._command = command
        self._pushes: dict[str, _Push] = {}

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Append payloads in order and enter the queue's name; how many were pushed.

        Errors: StoreError, and PayloadError for a blank name.
        """
        push = self._pushes.get(queue) or self._pack(queue)
        if isinstance(raws, list) and len(raws) == 1:
            self._links.transact(push.of_one(raws[0]), _Push.COMMANDS)
            return 1
        source = iter(raws)
        pushed = 0
        while chunk := list(islice(source, PUSH_CHUNK)):
            self._links.transact(push.of_many(chunk), _Push.COMMANDS)
            pushed += len(chunk)
        return pushed

    def _pack(self, queue: str) -> _Push:
        if not queue.strip():
            raise PayloadError("a queue's name cannot be blank")
        if len(self._pushes) >= KNOWN_QUEUES:
            self._pushes.clear()
        push = self._pushes[queue] = _Push(self._keys, queue, self._command)
        return push


class _Push:
    """The transaction that pushes to one queue, packed but for the payloads.

    MULTI and no script: on a server that was idle Lua takes 30 microseconds more, as its memory has gone cold.
    Where one command is refused, the others are too. The queue's name without its list does no harm.
    """

    COMMANDS: Final = 4

    def __init__(self, keys: Keys, queue: str, command: str) -> None:
        self._enter = pack_command(("MULTI",)) + pack_command(("SADD", keys.queues, queue))
        self._append = pack((command, keys.queue(queue)))
        self._run = pack_command(("EXEC",))
        self._before_one = b"%b*3\r\n%b" % (self._enter, self._append)

    def of_one(self, raw: bytes) -> bytes:
        return b"%b$%d\r\n%b\r\n%b" % (self._before_one, len(raw), raw, self._run)

    def of_many(self, raws: Sequence[bytes]) -> bytes:
        packed = b"".join([b"$%d\r\n%b\r\n" % (len(raw), raw) for raw in raws])
        return b"%b*%d\r\n%b%b%b" % (self._enter, 2 + len(raws), self._append, packed, self._run)


class Store:
    """The queues of one namespace, and the books. Threads may share it; a fork gives the child its own connections."""

    def __init__(self, config: ConnectionConfig, keys: Keys) -> None:
        self.config = config
        self.keys = keys
        self._links = Links(config)
        self._pusher = Pusher(self._links, keys)
        self._front = Pusher(self._links, keys, "LPUSH")
        self._keeping = False

    @classmethod
    def of(cls, *, url: str, namespace: str, hint: str = "") -> Store:
        """The store at a URL; no socket is opened yet. Errors: ValueError, as from ConnectionConfig.

        On a Cluster the namespace gets a hash tag where it has none. `hint` is said where the server does not answer.
        """
        return cls(replace(ConnectionConfig.from_url(url), hint=hint), Keys(tagged(namespace, url)))

    @property
    def every(self) -> tuple[Store, ...]:
        """The stores of all shards: this one, where there is no other."""
        return (self,)

    def survey(self) -> None:
        """See which shards answer; an only one is not asked before it is needed."""

    @property
    def left_out(self) -> list[str]:
        """Where the shards are that did not answer when they were looked at; an only one raises an error instead."""
        return []

    @property
    def home(self) -> Store:
        """The store of the shard where keyed jobs are."""
        return self

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Append payloads in order and enter the queue's name; how many were pushed. Errors: StoreError."""
        return self._pusher.push(queue, raws)

    def open(self, kind: Callable[[Links, Keys], T]) -> T:
        """Something else that is kept in this namespace, over our connections."""
        return kind(self._links, self.keys)

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        """The same before all that wait there; the first of them will be the first of all."""
        return self._front.push(queue, [*reversed(raws)])

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Put jobs, by id and payload, that are due at a moment; their tickets. Errors: StoreError."""
        return self.schedule.put(queue, jobs, when)

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        """Put jobs that get their locks; for each None, or who stands in the way. Errors: StoreError."""
        if not queue.strip():
            raise PayloadError("a queue's name cannot be blank")
        return self.locks.put(queue, claims, terms, when=when, front=front)

    def settle(self, outcome: str, raw: bytes, told: Callable[[Debts], Debts] = lambda debts: debts) -> None:
        """Settle what a job owes that was taken off its queue and run, or given to a caller. Errors: StoreError.

        `told` gives its debts with what else is known of its end.
        """
        if owed := told(owed_by(raw)):
            self._links.lend(lambda link: link.run_script(settle_call(outcome, [owed], self.keys)))

    @cached_property
    def locks(self) -> Locks:
        """The locks of unique jobs."""
        return Locks(self._links, self.keys)

    @cached_property
    def schedule(self) -> Schedule:
        """Where jobs are put that are to run later."""
        return Schedule(self._links, self.keys)

    def on_link(self, use: Callable[[Link, Keys], T]) -> T:
        """What `use` returns with a link of its own meanwhile, and the names of the keys. Errors: those of `use`."""
        return self._links.lend(lambda link: use(link, self.keys))

    def on_later(self, use: Callable[[Later], T]) -> T:
        """What `use` returns, which looks at jobs that are to run later, or changes them. Errors: those of `use`."""
        return self._links.lend(lambda link: use(Later(link, self.keys)))

    @cached_property
    def books(self) -> Books:
        """What is looked up and put right now and then, opened at the first use: most processes only push."""
        # redis-py takes 15 MB and 0.2 s to import, which each fork of a worker would carry.
        from resqd.store.resque.books import Books  # noqa: PLC0415 - see above

        return Books(self.config, self.keys)

    def result(self, job_id: str) -> bytes | None:
        """How a job ended, where that is kept. Errors: StoreError."""
        found: bytes | None = self._links.lend(lambda link: link.call("GET", self.keys.result(job_id)))
        return found

    def keeps_results(self) -> None:
        """Note, once a process, that there are jobs with results, so that who removes queues looks for them."""
        if not self._keeping:
            self._links.lend(lambda link: link.call("SET", self.keys.results_kept, "1"))
            self._keeping = True

    def expect_result(self, job_id: str) -> Arrival:
        """The same as soon as it is there; to be given to `forget_result` after that, or before."""
        return self._arrivals.expect(self.keys.result(job_id))

    def forget_result(self, job_id: str, expected: Arrival) -> None:
        """Wait no more."""
        self._arrivals.forget(self.keys.result(job_id), expected)

    @cached_property
    def _arrivals(self) -> Arrivals:
        from resqd.store.redis.arrivals import Arrivals  # noqa: PLC0415 - few processes wait for results

        return Arrivals(self.config)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._links.close()
        if "_arrivals" in vars(self):
            self._arrivals.close()
        if "books" in vars(self):
            self.books.close()
