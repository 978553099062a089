"""Passwords as hashes."""

import pytest

from resqd.web.security.passwords import Passwords, fits, hash_of


def test_a_hash_fits_its_password_only() -> None:
    """And two of one password differ, as their salts do."""
    kept = hash_of("pässword")
    assert fits("pässword", kept)
    assert not fits("passwort", kept)
    assert hash_of("pässword") != kept


@pytest.mark.parametrize("kept", ["", "password", "md5:aa:bb", "scrypt:aa", "scrypt::"])
def test_what_is_no_hash_is_refused_at_the_start(kept: str) -> None:
    """A password given in the place of its hash must not become a lock that nothing opens."""
    with pytest.raises(ValueError, match="scrypt:SALT:KEY"):
        Passwords({"ada": kept})


def test_users_have_their_own() -> None:
    """One user's password is not another's, and nobody is let in who is not there."""
    passwords = Passwords({"ada": hash_of("a"), "bob": hash_of("b")})
    tries = [("ada", "a"), ("ada", "a"), ("bob", "a"), ("eve", ""), ("", "")]
    assert [passwords.right(*each) for each in tries] == [True, True, False, False, False]
