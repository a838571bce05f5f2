"""No secret may be in a URL: they end up in histories and in the logs of proxies."""

import re
from urllib.parse import unquote_plus

from netra_backend.domain.errors import BadMessage

_TOKEN = re.compile(r"(?i)(^|[&;])[a-z_]*(token|jwt|authorization)=|eyJ[\w-]{4,}\.[\w-]{4,}")


def refuse_token_in_url(query_string: bytes) -> None:
    """Refuse a request whose query holds a token, by its name or by its looks.

    Raises:
        BadMessage: it does.
    """
    query = query_string.decode("latin-1")
    if _TOKEN.search(query) or _TOKEN.search(unquote_plus(query)):
        raise BadMessage("A token in the URL is refused; send it in the Authorization header.")
