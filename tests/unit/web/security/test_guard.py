"""Names of hosts."""

import pytest

from resqd.web.security.guard import host_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:9292", "localhost"),
        ("LOCALHOST", "localhost"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
        ("localhost@evil:80", "localhost@evil"),
        ("", ""),
    ],
)
def test_the_port_is_no_part_of_the_name(header: str, name: str) -> None:
    """And nothing that only begins like a name is that name."""
    assert host_name(header) == name
