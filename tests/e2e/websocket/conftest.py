"""People for the tests of this folder, and the application that suites 6 to 8 run against."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from netra_backend.tests import sample_app
from netra_backend.tests.conftest import pytest_runtest_makereport
from netra_backend.tests.outcomes import Phase, phase
from tests.e2e.application import Application
from tests.e2e.deployment import DeploymentError, Remote
from tests.e2e.deployment import Person as LoggedIn
from tests.e2e.ground import Ground
from tests.people import Person, add_person
from tests.processes import Netra

__all__ = ["pytest_runtest_makereport"]  # the comparison with what each test says of each phase

Login = Callable[[Application], Awaitable[LoggedIn]]


@pytest.fixture
async def person(house: Netra) -> Person:
    """A user of the shared server, of this test alone."""
    return await add_person(house)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """What is started on this machine, for all of the suites."""
    async with AsyncExitStack() as stack:
        yield Ground(tmp_path_factory.mktemp("ground") / "data", stack)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def subject(ground: Ground) -> Application:
    """The application under test: that of the phase, or the deployment that the environment names."""
    if phase() is not Phase.CANONICAL:
        return await ground.chat(sample_app.root(), phase())
    try:
        remote = Remote.of()
        if remote is None:
            return await ground.canonical()
        await remote.examine()
    except DeploymentError as error:
        pytest.exit(f"netra: {error}", returncode=2)
    return ground.remote(remote)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def legacy(ground: Ground, subject: Application) -> Application:
    """The sample application before any migration; in those phases it is the subject."""
    return subject if subject.before else await ground.chat(sample_app.SAMPLE, Phase.LEGACY)


@pytest_asyncio.fixture(loop_scope="session")
async def login() -> AsyncIterator[Login]:
    """Makes and logs in users of an application; they are shut out after the test."""
    made: list[tuple[Application, str]] = []

    async def log_in(application: Application) -> LoggedIn:
        person = await application.person()
        made.append((application, person.email))
        return person

    yield log_in
    for application, email in made:
        await application.accounts.remove(email)


@pytest_asyncio.fixture(loop_scope="session")
async def ada(subject: Application, login: Login) -> LoggedIn:
    """A user of the application under test."""
    return await login(subject)


@pytest_asyncio.fixture(loop_scope="session")
async def bob(subject: Application, login: Login) -> LoggedIn:
    """Another one."""
    return await login(subject)
