import pytest

from resqd.store.debts import Debt, arguments_of, debts_of, keys_of, owed_by
from resqd.store.keys import Keys

OWING = b'"resqd":{"owes":{"unique":"fp id"},"timeout":3},"class":"A","args":[]}'
UNIQUE = (Debt("unique", "fp id"),)


@pytest.mark.parametrize(
    "front",
    [
        b"{",
        b' {"deliveries":1,',
        b'{"deliveries":1,"recoveries":2,"attempts":3,"id":"a~b","cursor":"QUJD",',
    ],
)
def test_debts_are_found_behind_all_that_resqd_splices_before_them(front: bytes) -> None:
    assert owed_by(front + OWING) == UNIQUE


def test_the_beginning_of_a_payload_is_enough() -> None:
    whole = b"{" + OWING
    assert owed_by(whole[: whole.index(b',"class"')]) == UNIQUE
    assert owed_by(whole[:20]) == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no JSON",
        b'{"class":"A","args":[{"resqd":{"owes":{"unique":"fp id"}}}]}',
        b'{"args":["\\"resqd\\":"],"resqd":{"owes":{"unique":"fp id"}}}',
        b'{"resqd":{"owes":[]},"class":"A"}',
        b'{"resqd":{"owes":{"other":"x","unique":7}},"class":"A"}',
        b'{"resqd":{"owes":{"unique":"\\ud800"}},"class":"A"}',
        b'{"resqd":' + b'{"a":' * 100_000,
    ],
)
def test_what_no_producer_of_ours_wrote_owes_nothing(raw: bytes) -> None:
    assert owed_by(raw) == ()


def test_debts_name_the_keys_that_they_touch_once() -> None:
    debts = (Debt("unique", "a b"), Debt("start", "c d"))
    assert keys_of(debts, Keys("n")) == ["n:resqd:unique"]
    assert arguments_of(debts[:1], Keys("n")) == [1, "unique", "a b", 1, "n:resqd:unique"]
    assert arguments_of((), Keys()) == [0]


def test_an_object_without_debts_has_none() -> None:
    assert debts_of({"timeout": 3}) == ()
