"""A real browser for the tests: Debian's Chromium through its driver, and axe-core for accessibility."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import ElementNotInteractableException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement

from tests.support.waiting import wait_for

_AXE = "4.14.1"
WIDTHS = (1280, 1100, 768, 375, 320)


def cache() -> Path:
    """Outside the repository: what is fetched once, and the pictures of the last run."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resqd-tests"
    home.mkdir(parents=True, exist_ok=True)
    return home


def axe() -> str:
    """The script of axe-core, from npm's package; skips where it cannot be had."""
    kept = cache() / f"axe-{_AXE}.min.js"
    if not kept.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm on this machine's PATH to fetch axe-core with")
        command = [npm, "pack", "--silent", f"axe-core@{_AXE}"]
        fetched = subprocess.run(command, cwd=cache(), capture_output=True, check=False)
        archive = cache() / f"axe-core-{_AXE}.tgz"
        if fetched.returncode or not archive.exists():
            pytest.skip(f"npm cannot fetch axe-core: {fetched.stderr.decode()[-200:]}")
        with tarfile.open(archive) as packed:
            script = packed.extractfile("package/axe.min.js")
            assert script is not None
            kept.write_bytes(script.read())
    return kept.read_text()


class Browser:
    """One window, on the page at `base`."""

    def __init__(self, driver: Any, base: str) -> None:
        self.driver = driver
        self._base = base

    def open(self, path: str) -> None:
        """Go there."""
        self.driver.get(self._base + path)

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> WebElement:
        """The first element that fits, once it is there."""
        found: list[WebElement] = wait_for(
            lambda: self.driver.find_elements("css selector", selector) or None, what=selector
        )
        return found[0]

    def button(self, text: str) -> WebElement:
        """The first button or link that is seen and begins with that text."""
        found: WebElement = wait_for(
            lambda: self.run(
                "return [...document.querySelectorAll('dialog[open] button, dialog[open] a, button, a')].find(each => "
                "each.checkVisibility() && each.innerText.trim().startsWith(arguments[0]))",
                text,
            ),
            what=f"the button {text!r} on {self.driver.current_url}",
        )
        return found

    def click(self, text: str) -> None:
        """Press it; the page is live, so it may be put anew between the look and the click."""
        self._press(lambda: self.button(text))

    def click_on(self, selector: str) -> None:
        """The same for an element by its selector."""
        self._press(lambda: self.one(selector))

    def _press(self, find: Callable[[], WebElement]) -> None:
        def pressed() -> bool:
            try:
                find().click()
            except (StaleElementReferenceException, ElementNotInteractableException):
                return False
            return True

        wait_for(pressed, what="the click")

    def waits_for(self, text: str, seconds: float = 10.0) -> None:
        """The page shows that text."""
        try:
            wait_for(lambda: text in self.text() or None, seconds, what=repr(text))
        except AssertionError as error:
            raise AssertionError(f"{error} on {self.driver.current_url}:\n{self.text()[:2000]}") from None

    def text(self) -> str:
        """What is read on the page."""
        return str(self.run("return document.body.innerText"))

    def resize(self, width: int, height: int = 900) -> None:
        """The window's inner size; a window on the screen cannot be that narrow."""
        sizes = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)

    def theme(self, name: str) -> None:
        """light or dark, for this page."""
        self.run("document.documentElement.dataset.theme = arguments[0]", name)

    def picture(self, name: str) -> Path:
        """The whole page as a picture, kept in the cache."""
        width, height = self.run("return [innerWidth, Math.min(2400, document.documentElement.scrollHeight)]")
        self.resize(width, max(600, height))
        folder = cache() / "pictures"
        folder.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(folder / f"{name}.png"))
        self.resize(width)
        return folder / f"{name}.png"

    def overflow(self) -> list[str]:
        """Elements that reach beyond the window's right edge, but for those that are cut or scroll by themselves."""
        return list(
            self.run(
                "return [...document.querySelectorAll('body *')]"
                ".filter(each => !each.closest('pre, .graph, .cut *, .visually-hidden, .sprite')"
                "  && each.getBoundingClientRect().right > innerWidth + 1)"
                ".map(each => each.outerHTML.slice(0, 120)).slice(0, 5)"
            )
        )

    def violations(self) -> list[str]:
        """What axe-core finds."""
        self.run(axe())
        return list(
            self.driver.execute_async_script(
                "const told = arguments[0]; axe.run().then(found => told(found.violations.map(each => "
                "`${each.id}: ${each.nodes.slice(0, 2).map(node => node.html.slice(0, 160)).join(' | ')}`)))"
            )
        )

    def stand_still(self) -> None:
        """Ask for no motion, as readers can, so that what is looked at is not in the middle of a fade."""
        still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", still)

    def complaints(self) -> list[str]:
        """What the console says of errors: refused scripts and styles among them."""
        return [each["message"] for each in self.driver.get_log("browser") if each["level"] == "SEVERE"]


@contextmanager
def browsing(base: str, *, scripts: bool = True) -> Iterator[Browser]:
    """A browser; skips where there is none."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip(
            "no chromium and chromedriver on this machine's PATH: apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(chrome, base)
    finally:
        chrome.quit()
