"""Which Redis an App speaks to."""

import pytest

from resqd.application.access import Access


def _namespace(access: Access) -> str:
    return access.store.keys.namespace


def test_what_was_not_given_is_read_at_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """So an application may be imported before its environment is complete, and opens nothing."""
    access = Access()
    monkeypatch.setenv("REDIS_URL", "redis://localhost:1/3")
    monkeypatch.setenv("RESQD_NAMESPACE", "shop")
    assert _namespace(access) == "shop"
    access.configure(namespace="told")
    assert _namespace(access) == "told"
