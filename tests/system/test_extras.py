"""What works without the packages of the extras, and what is said where one is needed."""

import subprocess
import sys

_WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"jinja2", "markupsafe", "waitress", "msgspec", "greenlet"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
_COMMANDS = """
from resqd.cli.top import fleet, sitting
from resqd.cli import tables, views, top_command
import resqd, resqd.web
print(resqd.App)
"""


_SQLALCHEMY = """
import resqd.testing
from resqd.contrib import sqlalchemy
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

app = resqd.App()
job = app.job(queue="mail", name="job")(lambda: None)
with resqd.testing.fake(app) as jobs, Session(create_engine("sqlite://")) as session:
    session.execute(text("SELECT 1"))
    sqlalchemy.enqueue_after_commit(session, job)
    before = len(jobs.enqueued)
    session.commit()
    print(before, len(jobs.enqueued))
"""


def said(code: str) -> str:
    """What a program prints where the extras' packages are not installed."""
    command = [sys.executable, "-c", _WITHOUT + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def test_commands_need_no_extra() -> None:
    """`resqd top` reads what the page reads, and needs nothing that draws the page."""
    assert "Traceback" not in said(_COMMANDS)


def test_sqlalchemy_needs_no_greenlet() -> None:
    """Which only its asyncio has, and `pip install sqlalchemy` does not bring."""
    assert said(_SQLALCHEMY) == "0 1\n"


def test_what_needs_one_names_it() -> None:
    """With the line that installs it."""
    assert "the page needs markupsafe: pip install 'resqd[web]'" in said("import resqd.web; resqd.web.wsgi")
    assert "resqd.typed needs msgspec: pip install 'resqd[typed]'" in said("import resqd; resqd.typed")
