"""The embedded server: shared, never doubled, never orphaned."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
import redis

from resqd.cli.boot import SERVER_FAREWELL
from resqd.folders import FolderError
from resqd.store.redis.embedded import Embedded, EmbeddedError, answers, default_url
from tests.support.daemon import Daemon
from tests.support.processes import alive, children_of_ours, title, tree
from tests.support.waiting import wait_for


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path)}


def path_in(environ: dict[str, str]) -> Path:
    return Path(environ["XDG_STATE_HOME"]) / "resqd" / "valkey.sock"


def servers(environ: dict[str, str]) -> list[psutil.Process]:
    """The live server processes of the folder; their title names their socket."""
    found = [one for pid in children_of_ours() for one in tree(pid)]
    return [one for one in found if f"unixsocket:{path_in(environ)}" in title(one)]


def starter(environ: dict[str, str]) -> subprocess.Popen[str]:
    """Another process that takes a share, says so, and holds it until it is killed."""
    program = """
        import os, sys
        from resqd.store.redis.embedded import Embedded
        share = Embedded.start(environ=os.environ)
        print(share.url, flush=True)
        sys.stdin.read()
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def watcher_of(server: psutil.Process) -> psutil.Process:
    watcher = server.parent()
    assert watcher is not None
    assert "watcher.py" in title(watcher)
    return watcher


def is_share(pid: int, descriptor: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/fd/{descriptor}").endswith("/users.lock")
    except FileNotFoundError:  # closed since it was listed
        return False


@pytest.fixture
def daemon(tmp_path: Path, environ: dict[str, str]) -> Daemon:
    """A daemon on the embedded server of its own state folder."""
    (tmp_path / "few_jobs.py").write_text(
        "import resqd\napp = resqd.App()\n@app.job\ndef work() -> None: ...\n"
    )
    return Daemon(
        *("--app", "few_jobs:app", "--queues", "mail"),
        folder=tmp_path,
        environ={**environ, "PYTHONPATH": str(tmp_path)},
    )


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_started_server_keeps_data_over_its_next_start(environ: dict[str, str]) -> None:
    """What one life wrote, the next one finds, since the append-only file is on."""
    first = Embedded.start(environ=environ)
    with redis.Redis.from_url(first.url) as client:
        client.rpush("queue:mail", b"payload")
    first.close()
    wait_for(lambda: not answers(path_in(environ)), what="the first server ended")
    second = Embedded.start(environ=environ)
    with redis.Redis.from_url(second.url) as client:
        assert client.lrange("queue:mail", 0, -1) == [b"payload"]
    second.close()


def test_it_listens_on_its_socket_only_and_evicts_nothing(environ: dict[str, str]) -> None:
    """No TCP port, a socket for our user alone, noeviction, append-only file."""
    share = Embedded.start(environ=environ)
    with redis.Redis.from_url(share.url) as client:
        settings = {
            name: client.config_get(name)[name]
            for name in ("port", "maxmemory-policy", "appendonly", "appendfsync")
        }
    assert settings == {"port": "0", "maxmemory-policy": "noeviction", "appendonly": "yes"} | {
        "appendfsync": "everysec"
    }
    assert path_in(environ).stat().st_mode & 0o777 == 0o700
    share.close()


def test_starters_share_one_server_until_the_last_is_killed(environ: dict[str, str]) -> None:
    """Three processes start at once: one server; it outlives two SIGKILLed starters and ends after the third."""
    starters = [starter(environ) for _ in range(3)]
    urls = {one.stdout.readline() for one in starters if one.stdout is not None}
    assert len(urls) == 1
    assert len(servers(environ)) == 1
    for one in starters[:2]:
        end(one)
    assert answers(path_in(environ))
    assert len(servers(environ)) == 1
    end(starters[2])
    wait_for(lambda: not servers(environ), what="the server ended after its last user")


def test_a_killed_server_comes_back(environ: dict[str, str]) -> None:
    """While somebody uses it, a server that dies is started again with its data."""
    share = Embedded.start(environ=environ)
    (first,) = servers(environ)
    with redis.Redis.from_url(share.url) as client:
        client.set("kept", 1)
        first.send_signal(signal.SIGKILL)
        wait_for(lambda: not alive(first.pid), what="the server is dead")
        wait_for(lambda: answers(path_in(environ)), what="it answers again")
    with redis.Redis.from_url(share.url) as client:
        assert client.get("kept") == b"1"
    share.close()


def test_a_server_whose_watcher_was_killed_gets_another_watcher(environ: dict[str, str]) -> None:
    """The next starter finds the same server, and the server still ends with its last user."""
    share = Embedded.start(environ=environ)
    (server,) = servers(environ)
    watcher = watcher_of(server)
    watcher.send_signal(signal.SIGKILL)
    wait_for(lambda: not alive(watcher.pid), what="the watcher is dead")
    again = Embedded.start(environ=environ)
    assert [one.pid for one in servers(environ)] == [server.pid]
    share.close()
    again.close()
    wait_for(lambda: not alive(server.pid), what="the server ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_does_not_end_the_watcher(environ: dict[str, str], number: signal.Signals) -> None:
    """While somebody uses the server it starts it again where it dies; with the last user both end, as ever."""
    share = Embedded.start(environ=environ)
    (server,) = servers(environ)
    watcher = watcher_of(server)
    watcher.send_signal(number)
    server.kill()
    wait_for(lambda: not alive(server.pid), what="the server is dead")
    wait_for(lambda: answers(path_in(environ)), what="it answers again")
    share.close()
    wait_for(lambda: not alive(watcher.pid), what="the watcher ended")
    assert servers(environ) == []


def test_a_daemon_has_its_server_again_when_both_were_killed(daemon: Daemon, environ: dict[str, str]) -> None:
    """The housekeeper starts another watcher, which starts the server, with nothing lost; nobody need run a command."""
    with daemon:
        wait_for(lambda: daemon.titled("housekeeper"), what="the daemon runs")
        (server,) = wait_for(lambda: servers(environ), what="the server runs")
        with redis.Redis(unix_socket_path=str(path_in(environ))) as client:
            client.set("kept", 1)
        watcher_of(server).kill()
        server.kill()
        daemon.wait_for_line("another one watches now")
        with redis.Redis(unix_socket_path=str(path_in(environ))) as client:
            wait_for(lambda: client.get("kept") == b"1", what="the data")
        assert daemon.stop() == 0
        assert servers(environ) == []


def test_a_daemon_keeps_its_share_over_a_reload(daemon: Daemon, environ: dict[str, str]) -> None:
    """The new program holds the server, watches its watcher, and waits for its end, with no descriptor more."""
    with daemon:
        wait_for(lambda: daemon.titled("housekeeper"), what="the daemon runs")
        (server,) = servers(environ)
        shares = [one for one in os.listdir(f"/proc/{daemon.pid}/fd") if is_share(daemon.pid, one)]
        first = daemon.titled("housekeeper")[0]
        daemon.send(signal.SIGHUP)
        wait_for(lambda: daemon.titled("housekeeper") and not alive(first.pid), what="it was reloaded")
        assert [one for one in os.listdir(f"/proc/{daemon.pid}/fd") if is_share(daemon.pid, one)] == shares
        assert alive(server.pid)
        watcher_of(server).kill()
        daemon.wait_for_line("another one watches now")
        assert daemon.stop() == 0
        assert servers(environ) == []


def test_a_daemon_that_ends_leaves_no_server_behind(daemon: Daemon, environ: dict[str, str]) -> None:
    """When its process is gone, so is the server, even one whose watcher was killed a moment before."""
    with daemon:
        wait_for(lambda: daemon.titled("housekeeper"), what="the daemon runs")
        (server,) = wait_for(lambda: servers(environ), what="the server runs")
        watcher_of(server).kill()
        daemon.process.terminate()
        assert daemon.wait(SERVER_FAREWELL + 10) == 0
        assert not alive(server.pid)


def test_a_daemon_does_not_wait_for_a_server_that_others_use(daemon: Daemon, environ: dict[str, str]) -> None:
    """It ends at once, and the server goes on."""
    share = Embedded.start(environ=environ)
    with daemon:
        wait_for(lambda: daemon.titled("housekeeper"), what="the daemon runs")
        (server,) = servers(environ)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < SERVER_FAREWELL / 2
        assert alive(server.pid)
    share.close()
    wait_for(lambda: not alive(server.pid), what="the server ended")


def test_a_forked_child_that_keeps_the_share_keeps_the_server(environ: dict[str, str]) -> None:
    """A worker that outlives its master can still return its jobs."""
    share = Embedded.start(environ=environ)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        text=True,
        pass_fds=(share.descriptor,),
    )
    (server,) = servers(environ)
    share.close()
    with redis.Redis.from_url(share.url) as client:
        assert client.ping()
    assert alive(server.pid)
    end(holder)
    wait_for(lambda: not alive(server.pid), what="the server ended")


def test_a_broken_file_is_reported_with_the_servers_own_words(environ: dict[str, str]) -> None:
    """A server that ends at its start gives one line at once, not a timeout."""
    folder = path_in(environ).parent / "appendonlydir"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedError, match="AOF manifest") as caught:
        Embedded.start(environ=environ)
    assert "\n" not in str(caught.value)


def test_a_folder_of_others_and_a_path_too_long_are_refused(tmp_path: Path) -> None:
    """Neither a folder that others may write to nor a socket path beyond the system's limit is tried."""
    (tmp_path / "resqd").mkdir()
    (tmp_path / "resqd").chmod(0o777)
    with pytest.raises(FolderError):
        Embedded.start(environ={"XDG_STATE_HOME": str(tmp_path)})
    with pytest.raises(EmbeddedError, match="too long"):
        Embedded.start(environ={"XDG_STATE_HOME": str(tmp_path / ("d" * 100))})


def test_the_default_url_prefers_the_users_own_then_the_socket(environ: dict[str, str]) -> None:
    """REDIS_URL wins; without it clients look where `resqd start` puts its server."""
    assert default_url({"REDIS_URL": "redis://h:1/2"})[0] == "redis://h:1/2"
    share = Embedded.start(environ=environ)
    assert default_url(environ) == (share.url, share.description)
    share.close()
