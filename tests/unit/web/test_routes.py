"""The table of addresses."""

from resqd.web.routes import ACTS, PAGES


def test_what_asks_leads_to_what_acts() -> None:
    """Every question's address is also that of an act; nothing else is both."""
    assert set(PAGES) & set(ACTS) == {
        path
        for path in PAGES
        if path.rsplit("/")[-1] in {"kill", "steer", "clear", "delete", "cancel", "remove", "set", "release"}
    }
