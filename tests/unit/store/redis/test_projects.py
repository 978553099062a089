"""Which namespace a project has on the embedded server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resqd.store.redis import projects
from resqd.store.redis.projects import (
    Project,
    chosen,
    claimed,
    folder_of_caller,
    folder_of_module,
    found,
    owner,
)


def made(path: Path, *files: str) -> Path:
    for name in files or ("jobs.py",):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).touch()
    return path


def test_the_first_project_has_resques_own_name_and_each_further_one_another(tmp_path: Path) -> None:
    """They keep them, whoever asks; two folders of one name are two projects."""
    state = made(tmp_path / "state", "log")
    shop, blog = made(tmp_path / "shop"), made(tmp_path / "Mein Blog!")
    other = made(tmp_path / "old" / "Mein Blog!")
    names = [claimed(state, folder) for folder in (shop, blog, other)]
    assert names == ["resque", "resque-mein-blog", "resque-mein-blog-2"]
    assert [found(state, folder) for folder in (blog, other, shop)] == [names[1], names[2], names[0]]
    assert claimed(state, shop / "bin") == claimed(state, shop) == "resque"
    assert owner(state, "resque") == Project("resque", shop)
    assert owner(tmp_path, "resque") is None


def test_whoever_belongs_to_none_has_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command in another folder; with several it is the first. Folders that hold everything are no project."""
    state, elsewhere = made(tmp_path / "state", "log"), made(tmp_path / "elsewhere")
    assert found(state, elsewhere) == "resque"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert claimed(state, tmp_path) == "resque"
    assert not (state / projects.FILE).read_text()
    claimed(state, made(tmp_path / "shop"))
    assert found(state, elsewhere) == "resque"
    assert claimed(state, made(tmp_path / "blog")) == "resque-blog"
    assert (found(state, elsewhere), found(state, tmp_path)) == ("resque", "resque")


def test_a_prompt_begins_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its App has the namespace of the folder, or of the only project."""
    state, shop = made(tmp_path / "state", "log"), made(tmp_path / "shop")
    monkeypatch.chdir(made(tmp_path / "elsewhere"))
    assert claimed(state, None) == "resque"
    assert not (state / projects.FILE).exists()
    claimed(state, shop)
    assert claimed(state, None) == "resque"
    assert claimed(state, made(tmp_path / "blog")) == "resque-blog"
    monkeypatch.chdir(tmp_path / "blog")
    assert claimed(state, None) == "resque-blog"


def test_a_project_that_is_gone_leaves_its_name(tmp_path: Path) -> None:
    """Its folder was deleted; a line that nobody understands is none."""
    state, shop = made(tmp_path / "state", "log"), made(tmp_path / "shop")
    (state / projects.FILE).write_text("what\n")
    assert claimed(state, shop) == "resque"
    (shop / "jobs.py").unlink()
    shop.rmdir()
    assert claimed(state, made(tmp_path / "blog")) == "resque"


def test_a_folder_in_another_projects_is_that_project() -> None:
    """In either direction, where only one is meant."""
    both = [Project("a", Path("/srv/a")), Project("b", Path("/srv/b/src"))]
    assert chosen(both, Path("/srv/a/bin")) == "a"
    assert chosen(both, Path("/srv/b")) == "b"
    assert chosen(both, Path("/srv")) is None
    assert chosen(both, Path("/opt")) is None


def test_a_modules_project_is_known_before_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its outermost package lies, or above it where a project begins; what is installed is its environment's."""
    made(tmp_path / "shop", "manage.py", "src/orders/__init__.py", "src/orders/jobs.py", "src/plain/jobs.py")
    monkeypatch.syspath_prepend(str(tmp_path / "shop" / "src"))
    assert folder_of_module("orders.jobs") == folder_of_module("plain.jobs") == tmp_path / "shop"
    (tmp_path / "shop" / "manage.py").unlink()
    assert folder_of_module("orders.jobs") == tmp_path / "shop" / "src"
    assert folder_of_module("no.such.module") is None
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "orders.settings")
    assert folder_of_module("resqd.contrib.django.daemon") == tmp_path / "shop" / "src"
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    assert folder_of_module("resqd.contrib.django.daemon") is None
    assert folder_of_module("click") == Path(sys.prefix)


def test_the_code_that_makes_an_app_tells_its_project() -> None:
    """What has no file tells nothing."""
    assert folder_of_caller() == Path(__file__).parents[4]
    told: dict[str, object] = {"ask": folder_of_caller}
    exec("folder = ask()", told)
    assert told["folder"] is None
