"""Arguments and results that only who has a key can read: AES-256-GCM, with keys that may be changed while jobs wait.

Each text has a key of its own, derived from the App's by the first half of a random nonce of 24 bytes, as in
XAES-256-GCM: so one key may encrypt as many texts as anybody has. The job's class is authenticated with its arguments.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import JobDefinitionError, Undecipherable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEALED: Final = "resqd:encrypted"
"""The one key of the object that stands for what is encrypted."""
MARK: Final = "encrypted"
"""The producer's mark of a payload with such arguments: who has no key at all must not run it with these objects."""
_VERSION: Final = b"\x01"
_SIZE: Final = 32
_ID: Final = 4
_HALF: Final = 12
_VALUE: Final = b"value"
_ARGS: Final = b"args:"
_HEX: Final = 32
_OTHERS: Final = object()
"""What is read of something that belongs elsewhere."""


def is_sealed(value: object) -> bool:
    """Whether this stands for something encrypted."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(SEALED), str)


def shown(value: Any) -> Any:
    """The same for people, with `encrypted` in the place of each part that is."""
    if is_sealed(value):
        return "encrypted"
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return value


class Key:
    """One key: 32 bytes in Base64, as `openssl rand -base64 32` prints them."""

    def __init__(self, text: str | bytes) -> None:
        self._secret = _decoded(text)
        self.id = hashlib.blake2b(b"id", key=self._secret, digest_size=_ID).digest()
        self.mac = hashlib.blake2b(b"mac", key=self._secret, digest_size=_SIZE).digest()

    def __repr__(self) -> str:
        return f"<Key {self.id.hex()}>"

    def encrypt(self, data: bytes, belongs: bytes) -> str:
        """Text that `decrypt` reads with the same key, for the same thing."""
        nonce = os.urandom(2 * _HALF)
        return base64.b64encode(
            _VERSION + self.id + nonce + self._cipher(nonce).encrypt(nonce[_HALF:], data, belongs)
        ).decode()

    def decrypt(self, nonce: bytes, data: bytes, belongs: bytes) -> bytes:
        """Errors: cryptography's InvalidTag."""
        return self._cipher(nonce).decrypt(nonce[_HALF:], data, belongs)

    def _cipher(self, nonce: bytes) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 10 MB, for who has keys

        return AESGCM(hashlib.blake2b(nonce[:_HALF], key=self._secret, digest_size=_SIZE).digest())


class Keyring:
    """The keys of an App: the first one encrypts, all decrypt; the last one tells equal arguments.

    That is the oldest one, so what holds a lock or a limit is the same while a new key comes.
    """

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        """Errors: JobDefinitionError, which shows no key."""
        if isinstance(keys, str | bytes):
            raise JobDefinitionError("App(keys=...) takes a list of keys, and not one by itself")
        if find_spec("cryptography") is None:
            raise JobDefinitionError("App(keys=...) needs cryptography: pip install 'resqd[crypto]'")
        self._keys = [Key(text) for text in keys]
        self._by_id = {key.id: key for key in self._keys}
        if not self._keys:
            raise JobDefinitionError("App(keys=[]) has no key; leave it out where nothing is to be encrypted")

    def __repr__(self) -> str:
        return f"<Keyring {', '.join(key.id.hex() for key in self._keys)}>"

    @cached_property
    def secret(self) -> bytes:
        """With which equal arguments are told without being shown."""
        return self._keys[-1].mac

    def args(self, job_class: str, written: bytes) -> list[Any]:
        """What stands in a payload for arguments, given as their JSON."""
        return [{SEALED: self._keys[0].encrypt(written, _ARGS + _name(job_class))}]

    def value(self, value: Any) -> dict[str, str]:
        """What stands for one value: a result, say. Errors: ValueError, TypeError for what is no JSON."""
        written = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
        return {SEALED: self._keys[0].encrypt(written, _VALUE)}

    def but_for(self, value: Any, clear: Callable[[str], bool]) -> Any:
        """The same with the largest parts encrypted in which no text is that must stay as it is."""
        if isinstance(value, str) and clear(value):
            return value
        if not _holds(value, clear):
            return self.value(value)
        if isinstance(value, list | tuple):
            return [self.but_for(item, clear) for item in value]
        return {key: self.but_for(item, clear) for key, item in value.items()}

    def opened(self, value: Any) -> Any:
        """A value with each part read that is encrypted. Errors: Undecipherable."""
        if is_sealed(value):
            return self._read(value[SEALED], _VALUE, "a value")
        if isinstance(value, list):
            return [self.opened(item) for item in value]
        if isinstance(value, dict):
            return {key: self.opened(item) for key, item in value.items()}
        return value

    def opened_args(self, job_class: str, args: Sequence[Any]) -> Sequence[Any]:
        """A payload's arguments, encrypted as a whole, in parts, or not at all. Errors: Undecipherable."""
        if len(args) == 1 and is_sealed(args[0]):
            what = f"the arguments of {job_class}"
            found = self._tried(args[0][SEALED], _ARGS + _name(job_class), what)
            return found if found is not _OTHERS else [self._read(args[0][SEALED], _VALUE, what)]
        return [self.opened(item) for item in args]

    def _read(self, text: str, belongs: bytes, what: str) -> Any:
        found = self._tried(text, belongs, what)
        if found is _OTHERS:
            raise Undecipherable(f"{what} cannot be decrypted: they were changed, or belong to another job")
        return found

    def _tried(self, text: str, belongs: bytes, what: str) -> Any:
        """_OTHERS where it belongs to something else. Errors: Undecipherable."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if data[:1] != _VERSION or len(data) < 1 + _ID + 2 * _HALF:
            raise Undecipherable(f"{what} cannot be decrypted: this is no form that is known here")
        named, nonce, rest = (
            data[1 : 1 + _ID],
            data[1 + _ID : 1 + _ID + 2 * _HALF],
            data[1 + _ID + 2 * _HALF :],
        )
        key = self._by_id.get(named)
        if key is None:
            ours = ", ".join(each.id.hex() for each in self._keys)
            raise Undecipherable(
                f"{what} cannot be decrypted: they need the key {named.hex()}, and App(keys=...) has {ours} here; "
                "add it behind the others, then requeue the job"
            )
        try:
            return json.loads(key.decrypt(nonce, rest, belongs))
        except InvalidTag:
            return _OTHERS


class Seal:
    """How one job's arguments and results are encrypted."""

    def __init__(self, keyring: Keyring, name: str) -> None:
        self.keyring = keyring
        self._name = name

    @property
    def secret(self) -> bytes:
        """With which equal arguments are told without being shown."""
        return self.keyring.secret

    def args(self, written: bytes) -> list[Any]:
        """What stands in a payload for arguments, given as their JSON."""
        return self.keyring.args(self._name, written)

    def opened(self, args: Sequence[Any]) -> list[Any]:
        """The arguments of a payload, encrypted or not. Errors: Undecipherable."""
        return [*self.keyring.opened_args(self._name, args)]


def refuse(options: Mapping[str, Any], job_class: str) -> None:
    """Raise Undecipherable for a payload that is marked as encrypted, of an application without keys."""
    if MARK in options:
        raise Undecipherable(
            f"the arguments of {job_class} are encrypted, and this App has no keys: give it App(keys=[...]), then "
            "requeue the job"
        )


def told_apart(text: str, secret: bytes | None) -> str:
    """A digest of text; with a secret one that nobody can guess the text by."""
    data = text.encode("utf-8", "surrogatepass")
    if secret is None:
        return hashlib.sha256(data).hexdigest()[:_HEX]
    return hashlib.blake2b(data, key=secret, digest_size=_HEX // 2).hexdigest()


def _holds(value: Any, clear: Callable[[str], bool]) -> bool:
    if isinstance(value, str):
        return clear(value)
    if isinstance(value, list | tuple):
        return any(_holds(item, clear) for item in value)
    return isinstance(value, dict) and any(_holds(item, clear) for item in value.values())


def _name(job_class: str) -> bytes:
    return job_class.encode("utf-8", "surrogatepass")


def _decoded(text: str | bytes) -> bytes:
    try:
        plain = text.encode("ascii") if isinstance(text, str) else bytes(text)
        found = base64.b64decode(plain.strip().replace(b"-", b"+").replace(b"_", b"/"), validate=True)
    except (AttributeError, TypeError, ValueError):
        found = b""
    if len(found) != _SIZE:
        raise JobDefinitionError(
            "App(keys=...) takes keys of 32 bytes in Base64, as `openssl rand -base64 32` prints them"
        )
    return found
