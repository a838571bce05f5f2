import pytest

from netra_backend.domain import errors
from netra_backend.domain.errors import NetraError
from netra_backend.protocol.errors import ERROR_CODES


def tree(kind: type[NetraError]) -> list[type[NetraError]]:
    """A class of the module and all below it."""
    below = [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]
    return [kind, *(deeper for each in below for deeper in tree(each))]


def test_every_code_of_the_wire_has_one_error() -> None:
    """And the other way round."""
    assert sorted(kind.code for kind in tree(NetraError)) == sorted(ERROR_CODES)


@pytest.mark.parametrize("kind", tree(NetraError))
def test_the_docstring_is_the_message(kind: type[NetraError]) -> None:
    """Unless another one is given; the details stay with it."""
    assert str(kind()) == (kind.__doc__ or "").splitlines()[0]
    told = kind("Other.", retry_after_ms=5, path="$.x")
    assert (str(told), told.retry_after_ms, told.path) == ("Other.", 5, "$.x")


def test_only_what_can_succeed_later_is_retryable() -> None:
    """Sending a bad message again cannot."""
    assert {kind.code for kind in tree(NetraError) if kind.retryable} == {"rate_limited", "busy", "degraded"}
