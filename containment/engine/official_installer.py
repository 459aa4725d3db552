"""Take the engine from Pulumi's own installer where the network reaches it, and decide quickly.

See https://www.pulumi.com/docs/iac/download-install/. The installer brings the language hosts too.
It is never a reason to fail: whatever goes wrong here, the engine is built instead.
"""

import os
import threading
import urllib.request
from pathlib import Path

from containment.engine import child
from containment.engine.versions import LANGUAGE_HOST, PROVIDED, ask
from containment.engine.progress import Progress

INSTALLER = "https://get.pulumi.com"
ANSWER_WITHIN_S = 5.0
INSTALL_WITHIN_S = 240.0
MOST_BYTES = 1_000_000


class NotAvailableError(Exception):
    """The official installer cannot be used here, and why."""


def install(into: Path, progress: Progress) -> None:
    """Install the engine and its language hosts into *into*/bin, and make sure that they run."""
    address = os.environ.get("CONTAINMENT_PULUMI_INSTALLER", INSTALLER)
    if not address:
        raise NotAvailableError("it is switched off by CONTAINMENT_PULUMI_INSTALLER")
    progress.show("pulumi: asking for the official installer")
    script = into / "install.sh"
    script.write_bytes(_fetch(address))
    # Temporary files of the installer go where they are removed with the rest.
    environment = {**os.environ, "TMPDIR": str(into)}
    try:
        status, tail = child.run(
            ["sh", script, "--version", PROVIDED, "--install-root", into, "--no-edit-path"],
            folder=into,
            environment=environment,
            on_line=lambda _: None,
            on_beat=lambda: progress.show(f"pulumi: official installer, {progress.elapsed()}"),
            limit_s=INSTALL_WITHIN_S,
        )
    except TimeoutError:
        raise NotAvailableError(f"it was not done after {INSTALL_WITHIN_S:.0f} s") from None
    if status != 0:
        raise NotAvailableError(f"it failed: {tail[-1] if tail else f'exit status {status}'}")
    script.unlink()
    engine = ask(into / "bin" / "pulumi")
    if engine is None or engine.version != PROVIDED:
        raise NotAvailableError("what it installed does not run")
    if not os.access(into / "bin" / LANGUAGE_HOST, os.X_OK):
        raise NotAvailableError(f"it brought no {LANGUAGE_HOST}")


def _fetch(address: str) -> bytes:
    """Return the installer's text, or give up in time: a name look-up has no time limit itself."""
    answer: list[bytes | Exception] = []

    def ask_for_it() -> None:
        try:
            with urllib.request.urlopen(address, timeout=ANSWER_WITHIN_S) as response:  # noqa: S310 - the address is ours or the user's own
                answer.append(response.read(MOST_BYTES))
        except (OSError, ValueError) as error:
            answer.append(error)

    asking = threading.Thread(target=ask_for_it, daemon=True)
    asking.start()
    asking.join(timeout=ANSWER_WITHIN_S)
    if not answer:
        raise NotAvailableError(f"no answer within {ANSWER_WITHIN_S:.0f} s")
    if isinstance(answer[0], Exception):
        raise NotAvailableError("it cannot be reached from here")
    if not answer[0].startswith(b"#!"):
        raise NotAvailableError("something else answers in its place")
    return answer[0]
