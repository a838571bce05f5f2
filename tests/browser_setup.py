"""Finds a browser for the browser tests, or installs the distribution's. `python -m tests.browser_setup`.

Never fails a build for want of a browser, except where `CI=true` says that nothing may be skipped.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)

APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

MISSING = (
    "netra: no browser found, browser tests are skipped: install Chromium or Chrome "
    "(Debian: apt install chromium; anywhere: .venv/bin/playwright install chromium), or set NETRA_BROWSER."
)

INSTALL_S = 600.0
"""Seconds for one step of the package manager: a slow mirror, but no build that hangs for ever."""

ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium alone with the page under test: it looks nothing up and updates nothing."""


def find_browser(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The program to drive: NETRA_BROWSER, one that is installed, or Playwright's own; None without any."""
    named = environ.get("NETRA_BROWSER")
    if named:
        return _program(named)
    installed = (_program(name) for name in (*NAMES, *APPLICATIONS))
    return next((path for path in installed if path is not None), None) or _playwright_browser()


def arguments() -> list[str]:
    """What to start Chromium with; its sandbox does not work for root."""
    return [*ARGUMENTS, *(["--no-sandbox"] if _is_root() else [])]


def must_not_skip(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a missing browser is a failure."""
    return environ.get("CI", "").lower() == "true"


def main() -> int:
    """Have a browser if that is possible; the exit code."""
    if find_browser() is not None:
        return 0
    if os.environ.get("NETRA_BROWSER"):
        print("netra: NETRA_BROWSER names no program; correct it or leave it out.", file=sys.stderr)  # noqa: T201 - for the person at the terminal
    elif _may_install() and _install() and find_browser() is not None:
        return 0
    print(MISSING, file=sys.stderr)  # noqa: T201 - for the person at the terminal
    return 1 if must_not_skip() else 0


def _program(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _playwright_browser() -> Path | None:
    """The Chromium that `playwright install chromium` puts where Playwright looks for it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _may_install() -> bool:
    return platform.system() == "Linux" and _is_root() and shutil.which("apt-get") is not None


def _install() -> bool:
    print("Installing Chromium for the browser tests (once)…", flush=True)  # noqa: T201 - it takes a while
    return _apt("install") or (_apt("update") and _apt("install"))


def _apt(step: str) -> bool:
    what = ["install", "--yes", "--no-install-recommends", "chromium"] if step == "install" else ["update"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["apt-get", "-qq", *what],  # noqa: S607 - the machine's own package manager, wherever it is
            env=quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=INSTALL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
