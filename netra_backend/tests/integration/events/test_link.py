"""Ways to a Valkey: TLS, a Unix socket, a user with few rights, a server that is silent or refuses."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from netra_backend.domain.ids import ConnectionId, MessageId, ThreadId
from netra_backend.events.limits import SharedCounts, UserLimits
from netra_backend.events.link import parse_address
from netra_backend.events.live import ValkeyLiveText
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.tests.integration.contract.worlds import Listener
from netra_backend.tests.integration.events.feeds import Doubts, feed_on, hears, owner_in
from netra_backend.tests.valkey_servers import SLOTS, ValkeyServer, tell

THREAD = ThreadId("11111111-1111-7111-8111-111111111111")
MESSAGE = MessageId("22222222-2222-7222-8222-222222222222")
OPERATING = Path(__file__).parents[4] / "docs" / "operating.md"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """A server of this test alone, also on a Unix socket."""
    made = ValkeyServer(tmp_path / "v", f"unixsocket {tmp_path}/v.sock")
    try:
        yield await made.start()
    finally:
        made.kill()


async def works(url: str) -> None:
    """Everything that two processes do with Valkey."""
    async with feed_on(url) as one, feed_on(url) as two:
        owner, listener = owner_in(0, SLOTS - 1), Listener()
        await two.attach(owner, listener)
        await hears(one, owner, listener)
        live = ValkeyLiveText(one)
        live.write(owner, THREAD, MESSAGE, text="a", new=1)
        live.write(owner, THREAD, MESSAGE, text="ab", new=1)
        await listener.until(2, "delta")
        assert await ValkeyLiveText(two).snapshot(owner, MESSAGE) == "ab"
        live.write(owner, THREAD, MessageId("lost"), text="abc", new=1)  # nothing before: it is set anew
        await listener.until(3, "delta")
        live.clear(owner, MESSAGE)
        limits = UserLimits(one.outlet, FakeClock(), connections=1, frames_per_second=1, burst=4)
        evicted = list[str]()
        limits.enter(owner, ConnectionId("a"), lambda: evicted.append("a"))
        allowance = limits.enter(owner, ConnectionId("b"), lambda: evicted.append("b"))
        assert allowance.take(0.0) <= 0
        await one.outlet.settle()
        assert evicted == ["b"]
        for name in ("a", "b"):
            limits.leave(owner, ConnectionId(name))
        await limits.close()
        assert await SharedCounts(one.outlet).take(owner.tenant_id, burst=1, period_s=60) == 0
        SharedCounts(one.outlet).give_back(owner.tenant_id, burst=1, period_s=60)
        await two.detach(owner, listener)
        await one.outlet.settle()
        assert (one.healthy, two.healthy, one.outlet.lost, two.outlet.lost) == (True, True, 0, 0)
        assert await one.outlet.answers()


async def test_a_unix_socket(server: ValkeyServer, tmp_path: Path) -> None:
    """With a password, as on any other way."""
    await works(f"unix://:{server.password}@{tmp_path}/v.sock?db=2")
    assert await tell(f"unix://:{server.password}@{tmp_path}/v.sock?db=2", "DBSIZE") > 0
    assert await tell(server.url, "DBSIZE") == 0


async def test_a_user_with_the_documented_rights_is_enough(server: ValkeyServer) -> None:
    """The line of the operating page, as it stands there."""
    [rule] = [line for line in OPERATING.read_text().splitlines() if line.startswith("ACL SETUSER netra ")]
    await tell(server.url, *rule.replace("…", "secret").split())
    url = f"redis://netra:secret@127.0.0.1:{server.port}"
    await works(url)
    entries = await tell(server.url, "ACL", "LOG")
    assert entries == [], entries
    async with feed_on(url) as feed:
        assert await feed.outlet.ask("GET", "somebody:else") is None
        assert feed.outlet.lost == 1


async def test_a_wrong_password_is_away_and_is_not_in_the_log(
    server: ValkeyServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """The feed goes on trying, says why, and is well once the password is right."""
    async with feed_on(f"redis://netra:hunter2@127.0.0.1:{server.port}") as feed:
        doubts = Doubts(feed)
        assert not feed.healthy
        async with asyncio.timeout(1):  # who asks is told at the next attempt, and need not wait it out
            assert not await feed.outlet.answers()
        await tell(server.url, *["ACL", "SETUSER", "netra", "on", ">hunter2", "+@all", "~*", "&*"])
        await doubts.healed()
        assert await feed.outlet.answers()
    logged = "".join(capfd.readouterr())
    assert "WRONGPASS" in logged
    assert "hunter2" not in logged


@asynccontextmanager
async def encrypted(server: ValkeyServer, folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """TLS in front of a server, as a managed one has it: the port, and the certificate to trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    async with AsyncExitStack() as stack:
        front = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        stack.callback(front.close)
        yield front.sockets[0].getsockname()[1], folder / "server.pem"


async def test_tls_with_a_certificate_to_trust(server: ValkeyServer, tmp_path: Path) -> None:
    """`rediss://` with the options that redis-py has."""
    async with encrypted(server, tmp_path) as (port, certificate):
        login = f"rediss://:{server.password}@127.0.0.1:{port}"
        await works(f"{login}?ssl_ca_certs={certificate}")
        await works(f"{login}?ssl_cert_reqs=none")


async def test_tls_without_trust_is_away(server: ValkeyServer, tmp_path: Path) -> None:
    """A certificate of nobody is not accepted, and a server that wants TLS has no other way in."""
    async with encrypted(server, tmp_path) as (port, _):
        for scheme in ("rediss", "redis"):
            async with feed_on(f"{scheme}://:{server.password}@127.0.0.1:{port}") as feed:
                assert not feed.healthy


@pytest.mark.parametrize("url", ["http://x", "rediss://x?ssl_nonsense=1", "redis://x?db=a"])
def test_what_is_no_address(url: str) -> None:
    """It is refused when it is read."""
    with pytest.raises(ValueError, match=r"scheme|ssl_|db"):
        parse_address(url)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def _certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "valkey")])
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid by the wall clock
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
