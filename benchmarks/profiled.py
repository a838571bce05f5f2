"""Runs `netra` with a sampling profiler between SIGUSR1 and SIGUSR2: `python -m benchmarks.profiled FILE serve …`.

Samples are of processor time (SIGPROF), so that waiting does not count. Time in compiled code is its caller's.
"""

import collections
import json
import signal
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType

ROOT = Path(__file__).parent.parent
EVERY_S = 0.002

Stack = tuple[CodeType, ...]


class Sampler:
    """Counts stacks."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._stacks: collections.Counter[Stack] = collections.Counter()

    def install(self) -> None:
        """Listen for the signals."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR1, lambda *_: signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S))
        signal.signal(signal.SIGUSR2, lambda *_: self._stop())

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        stack: list[CodeType] = []
        while frame is not None:
            stack.append(frame.f_code)
            frame = frame.f_back
        self._stacks[tuple(stack)] += 1

    def _stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        own: collections.Counter[str] = collections.Counter()
        cumulative: collections.Counter[str] = collections.Counter()
        charged: collections.Counter[str] = collections.Counter()
        for stack, count in self._stacks.items():
            names = [_name(code) for code in stack]
            own[names[0]] += count
            charged[next((name for name in names if name.startswith("netra_backend/")), names[0])] += count
            for name in set(names):
                cumulative[name] += count
        total = self._stacks.total()
        self._out.write_text(
            json.dumps({"samples": total, "own": own, "charged": charged, "cumulative": cumulative})
        )


def _name(code: CodeType) -> str:
    path = code.co_filename
    for root in (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), str(ROOT)):
        path = path.removeprefix(f"{root}/")
    return f"{path}:{code.co_firstlineno} {code.co_qualname}"


def top(file: Path, count: int) -> list[str]:
    """The functions that took most, as lines to print.

    By own time, by own time with what they call in libraries ("charged"), and by cumulative time.
    """
    found = json.loads(file.read_text())
    lines: list[str] = []
    for kind in ("own", "charged", "cumulative"):
        lines.append(f"Profile of the server, {kind} time ({found['samples']} samples):")
        everywhere = {name for name, samples in found["cumulative"].items() if samples == found["samples"]}
        ranked = collections.Counter(
            {name: samples for name, samples in found[kind].items() if name not in everywhere}
        ).most_common(count)
        lines += [f"  {100 * samples / found['samples']:5.1f} %  {name}" for name, samples in ranked]
    return lines


def main() -> None:
    """Run the program that the arguments name."""
    from netra_backend.cli import main as netra

    Sampler(Path(sys.argv.pop(1))).install()
    netra()


if __name__ == "__main__":
    main()
