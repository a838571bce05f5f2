import pytest

from netra_backend.auth.urls import refuse_token_in_url
from netra_backend.domain.errors import BadMessage


@pytest.mark.parametrize(
    "query",
    [
        b"token=x",
        b"a=1&access_token=x",
        b"a=1;ID_TOKEN=x",
        b"jwt=x",
        b"Authorization=Bearer+x",
        b"%74oken=x",
        b"a=1%26token%3Dx",
        b"q=eyJhbGciOiJ.eyJzdWIi",
        b"q=eyJhbGci%2EeyJz",
        b"q=\xff&token=",
    ],
)
def test_attack_34_a_token_in_the_query_is_refused(query: bytes) -> None:
    """By its name, in any case and however it is written, or by its looks; the sentence does not repeat it."""
    with pytest.raises(BadMessage) as refused:
        refuse_token_in_url(query)
    assert str(refused.value) == "A token in the URL is refused; send it in the Authorization header."


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"token",
        b"tokens=3",
        b"mytokenx=1",
        b"q=token",
        b"q=a-token%20b",
        b"eyJ=1",
        b"q=eyJ.eyJ",
        b"\xff=1",
    ],
)
def test_what_only_resembles_one_is_let_through(query: bytes) -> None:
    """People ask for such words too."""
    refuse_token_in_url(query)
