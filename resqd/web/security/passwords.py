"""Passwords as hashes: scrypt with its parameters beside it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from typing import Final

_N, _R, _P = 2**14, 8, 1
_MOST_MEMORY: Final = 64 * 1024 * 1024
_KEPT: Final = 100


def hash_of(password: str, *, salt: bytes | None = None) -> str:
    """What `--auth USER:HASH` takes: `scrypt:SALT:KEY`, both in base64 without padding."""
    salt = os.urandom(16) if salt is None else salt
    return f"scrypt:{_text(salt)}:{_text(_key(password, salt))}"


def fits(password: str, kept: str) -> bool:
    """Whether a hash is of this password; raises ValueError where it is no hash of ours."""
    kind, _, rest = kept.partition(":")
    salt, _, key = rest.partition(":")
    if kind != "scrypt" or not salt or not key:
        raise ValueError("a password's hash looks like scrypt:SALT:KEY; `resqd web --hash` makes one")
    return hmac.compare_digest(_key(password, _bytes(salt)), _bytes(key))


class Passwords:
    """Users by name. What was right is remembered for the life of the process, since scrypt takes 50 ms."""

    def __init__(self, hashes: dict[str, str]) -> None:
        for kept in hashes.values():
            fits("", kept)  # raises where it is none
        self._hashes = hashes
        self._secret = os.urandom(32)
        self._right: set[bytes] = set()
        self._lock = threading.Lock()

    def right(self, user: str, password: str) -> bool:
        """Whether that is the user's password. One at a time, so that guessing cannot take all threads' time."""
        mark = hmac.digest(self._secret, f"{user}\0{password}".encode("utf-8", "replace"), "sha256")
        if mark in self._right:
            return True
        with self._lock:
            kept = self._hashes.get(user)
            if not fits(password, kept or hash_of("", salt=b"nobody")) or kept is None:
                return False
            if len(self._right) < _KEPT:
                self._right.add(mark)
            return True


def _key(password: str, salt: bytes) -> bytes:
    data = password.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(data, salt=salt, n=_N, r=_R, p=_P, maxmem=_MOST_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise ValueError("the hash is not base64") from None
