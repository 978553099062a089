"""What goes to statsd, byte for byte, as a real UDP listener hears it."""

import socket
from collections.abc import Iterator

import pytest
from statsd import StatsClient

from resqd.housekeeper.statsd import GAUGES_EVERY, RESOLVE_EVERY, Metrics, safe
from resqd.store.resque.measure import Measured
from resqd.wire.messages import Busy, JobMetrics, Running

_JOB = Running(0, 1, "id", "A", "q", 0.0, b"{}")


class Time:
    """A clock that stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.2)
        yield sock


@pytest.fixture
def metrics(listener: socket.socket, time: Time) -> Metrics:
    return Metrics(host="127.0.0.1", port=listener.getsockname()[1], key="my.app", clock=time)


def heard(listener: socket.socket) -> list[bytes]:
    packets = []
    while True:
        try:
            packets.append(listener.recv(65536))
        except TimeoutError:
            return packets


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Archive", "Archive"),
        ("A::B", "A.B"),
        ("jobs.make.<locals>.send", "jobs.make._locals_.send"),
        ("a:b|c@d e\nf#g/h", "a_b_c_d_e_f_g_h"),
        ("größe", "gr__e"),
    ],
)
def test_names_are_made_safe(name: str, told: str) -> None:
    """Nothing that statsd reads as its own is left in a name; Ruby's modules are separated by dots."""
    assert safe(name) == told


def test_counts_times_and_gauges(metrics: Metrics, listener: socket.socket) -> None:
    """One packet: a counter at each start, success, failure, times of run and wait, then the gauges."""
    metrics.take(Busy(9, (_JOB,), (JobMetrics("A::B", 3, 2, 1, (1.5,), (2.25,), timeouts=1),), 2, 1))
    metrics.measured(Measured({"mail:x": 4}, {}, {"later": 6}))
    metrics.send()
    assert heard(listener) == [
        b"my.app.A.B:3|c\n"
        b"my.app.A.B.success:2|c\n"
        b"my.app.A.B.failure:1|c\n"
        b"my.app.A.B.timeout:1|c\n"
        b"my.app.A.B.run:1.500000|ms\n"
        b"my.app.A.B.wait:2.250000|ms\n"
        b"my.app.queues.mail_x:4|g\nmy.app.jobs.later:6|g\n"
        b"my.app.threads.busy:1|g\nmy.app.threads.missing:2|g\nmy.app.threads.replaced:1|c"
    ]


def test_nothing_new_sends_nothing(metrics: Metrics, listener: socket.socket, time: Time) -> None:
    """Counts go once; gauges every ten seconds, with a 0 for a queue that is gone and a worker that is idle."""
    metrics.take(Busy(9, (_JOB,), ()))
    metrics.measured(Measured({"q": 4}, {}, {}))
    metrics.send()
    heard(listener)
    metrics.send()
    assert heard(listener) == []
    metrics.take(Busy(9, (), ()))
    metrics.measured(Measured({}, {}, {}))
    time.now += GAUGES_EVERY
    metrics.send()
    assert heard(listener) == [b"my.app.queues.q:0|g\nmy.app.threads.busy:0|g\nmy.app.threads.missing:0|g"]


def test_packets_are_small(metrics: Metrics, listener: socket.socket) -> None:
    """Many metrics go in packets that no network has to split."""
    metrics.take(Busy(9, (), tuple(JobMetrics(f"Job{n}", 1, 1, 0, (1.0,), ()) for n in range(100))))
    metrics.send()
    packets = heard(listener)
    assert len(packets) > 1
    assert max(map(len, packets)) <= 512
    assert sum(packet.count(b":1|c") for packet in packets) == 200


def test_a_host_without_an_address_loses_no_counts(listener: socket.socket, time: Time) -> None:
    """Counts wait until the name can be resolved; it is asked for once a minute."""
    tries: list[str] = []

    def connect(host: str, port: int, *, prefix: str, ipv6: bool) -> StatsClient:
        tries.append(host)
        if len(tries) <= 2:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return StatsClient(host, port, prefix=prefix, ipv6=ipv6)

    port = listener.getsockname()[1]
    metrics = Metrics(host="127.0.0.1", port=port, key="k", clock=time, connect=connect)
    metrics.take(Busy(9, (), (JobMetrics("A", 1, 0, 0, (), ()),)))
    metrics.send()
    metrics.send()
    assert len(tries) == 2  # an IPv4 address, then an IPv6 one
    time.now += RESOLVE_EVERY
    metrics.send()
    assert heard(listener) == [b"k.A:1|c\nk.threads.busy:0|g\nk.threads.missing:0|g"]
