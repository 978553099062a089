"""The modules that hold an application's jobs."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resqd.app import App
from resqd.errors import AppLoadError, UnknownJob

Project = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Writes modules of a package that no other test uses, and gives its name; APP stands for the package's app."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"shop_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_")
    (tmp_path / name).mkdir()

    def write(**modules: str) -> str:
        (tmp_path / name / "__init__.py").touch()
        for module, source in modules.items():
            path = (tmp_path / name).joinpath(*module.split("__")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(source.replace("APP", f"from {name}.worker import app"))
        return name

    for module in [module for module in sys.modules if module.startswith(name)]:
        monkeypatch.delitem(sys.modules, module)
    return write


def _app(package: str) -> Any:
    return __import__(f"{package}.worker", fromlist=["app"]).app


JOB = "APP\n@app.job(name={name!r})\ndef work(): ..."
SHOP = "import resqd\napp = resqd.App(name='shop', modules=[__package__ + '.mail.jobs'])\n"


def test_modules_are_imported_when_a_job_is_looked_for(project: Project) -> None:
    """They import the App, so it cannot import them first; nobody has to order the imports by hand."""
    package = project(
        worker=SHOP + "app.discover(__package__ + '.orders')",
        mail__jobs=JOB.format(name="Mail"),
        orders__jobs=JOB.format(name="Order"),
    )
    app = _app(package)
    assert f"{package}.mail.jobs" not in sys.modules
    assert app.find("Order").name == "Order"
    assert set(app.jobs) == {"Mail", "Order"}
    with pytest.raises(UnknownJob, match=f"did you mean 'Order'.*{package}.mail.jobs"):
        app.find("Ordr")


def test_a_module_may_look_for_jobs_while_it_is_imported(project: Project) -> None:
    """It gets those that are there by then, without an endless recursion."""
    package = project(
        worker=SHOP,
        mail__jobs=JOB.format(name="Mail") + "\nseen = list(app.jobs)",
    )
    app = _app(package)
    assert list(app.jobs) == sys.modules[f"{package}.mail.jobs"].seen == ["Mail"]


def test_a_module_that_fails_is_tried_again_and_says_who_wants_it(project: Project) -> None:
    """Its own error reaches the caller, and a job is not called unknown because its module is broken."""
    package = project(worker=SHOP, mail__jobs="1 / 0")
    app = _app(package)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as caught:
            app.find("Mail")
        assert caught.value.__notes__ == [
            f"resqd was importing {package}.mail.jobs, which App(name='shop') names"
        ]


def test_a_missing_module_is_named_with_who_wants_it(project: Project) -> None:
    """A slip in `modules` or in `discover` is told from a module that misses another."""
    package = project(worker="import resqd\napp = resqd.App()\napp.discover('no_such_shop')", other="")
    with pytest.raises(AppLoadError, match=r"no module no_such_shop .* discover\('no_such_shop'\) names"):
        _app(package).find("Mail")
    package = project(worker=SHOP, mail__jobs="import not_installed_here")
    del sys.modules[f"{package}.worker"]
    with pytest.raises(ModuleNotFoundError, match="not_installed_here"):
        _app(package).find("Mail")


@pytest.mark.parametrize("given", ["orders.jobs", [sys], [""]])
def test_only_names_of_modules_are_taken(given: Any) -> None:
    """Text alone would be a module for each letter."""
    with pytest.raises(TypeError, match="names of modules"):
        App(modules=given)
