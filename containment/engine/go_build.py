"""Build the engine from the modules that ``go.mod`` and ``go.sum`` beside this file pin.

About five minutes on two cores, once for a user and a version. Each thing that a machine may lack
has one message that names it: Go, a newer Go, a way to the modules, room on the disk, memory.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from containment.engine import child
from containment.engine.progress import Progress
from containment.engine.versions import PROVIDED, SetupError, cache

MODULE = Path(__file__).parent
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
STAMP = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PROVIDED}"
TAGS = "osusergo,grpcnotrace"
ROOM = "about 4 GB"
OTHERWISE = f"or put a pulumi of version {PROVIDED} or newer on PATH, and run it again"
_FIRST_WITH_TOOLCHAINS = (1, 21)
_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|connection re(fused|set)|TLS handshake|proxyconnect|x509:"
    r"|network is unreachable|module lookup disabled|unexpected EOF|deadline exceeded"
    r"|: (403|407|410|5\d\d) [A-Z]",
)


def build(into: Path, progress: Progress) -> None:
    """Build the engine into *into*/bin/pulumi; raise SetupError with the one thing to mend."""
    _require_https(os.environ.get("GOPROXY", ""))
    go = _go(progress)
    # The compiler's own temporary files may take 2 GB, which a small /tmp does not have.
    work = into / "go-tmp"
    work.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"GOOS", "GOARCH"}},
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOTMPDIR": os.environ.get("GOTMPDIR", str(work)),
    }
    progress.say(f"pulumi: building v{PROVIDED} with Go, once; about 5 minutes on two cores")
    fetched = packages = compiled = 0

    def downloading(line: str) -> None:
        nonlocal fetched, packages
        fetched += line.startswith("go: downloading ")
        packages += not line.startswith("go: ")

    def compiling(line: str) -> None:
        nonlocal compiled
        compiled += not line.startswith(("go: ", "#"))

    status, tail = child.run(
        [go, "list", "-mod=readonly", "-deps", "-tags", TAGS, PACKAGE],
        folder=MODULE,
        environment=environment,
        on_line=downloading,
        on_beat=lambda: progress.show(
            f"pulumi: downloading, {fetched} modules, {progress.elapsed()}",
        ),
    )
    if status != 0:
        raise _failure(tail)
    command: list[str | Path] = [go, "build", "-v", "-mod=readonly", "-buildvcs=false", "-trimpath"]
    command += ["-tags", TAGS, "-ldflags", f"-w -s {STAMP}", "-o", into / "bin" / "pulumi", PACKAGE]
    status, tail = child.run(
        command,
        folder=MODULE,
        environment=environment,
        on_line=compiling,
        on_beat=lambda: progress.show(
            f"pulumi: building, {compiled} of {packages} packages, {progress.elapsed()}",
        ),
    )
    if status != 0:
        raise _failure(tail)
    shutil.rmtree(work, ignore_errors=True)


def _require_https(proxies: str) -> None:
    """Refuse a module proxy that anybody on the way could answer for."""
    for proxy in re.split(r"[,|]", proxies):
        address = urlsplit(proxy.strip())
        if address.scheme == "http" and address.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise SetupError(f"GOPROXY names {proxy}, which is not https", "name one that is")


def _go(progress: Progress) -> str:
    """Return the go command, having made sure that it is new enough or can fetch one that is."""
    go = shutil.which("go")
    needed = _needed()
    if go is None:
        raise SetupError(
            "there is no pulumi and no Go to build it with",
            f"install Go {needed} or newer (https://go.dev/dl) and put `go` on PATH, {OTHERWISE}",
        )
    try:
        # Outside of our module, so that an older Go answers for itself.
        answer = subprocess.run(
            [go, "env", "-json", "GOVERSION", "GOTOOLCHAIN"],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        settings = json.loads(answer.stdout)
        present = _numbers(settings["GOVERSION"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        raise SetupError(
            f"{go} does not run", f"install Go {needed} or newer, {OTHERWISE}"
        ) from None
    if present >= _numbers(needed):
        return go
    version = str(settings["GOVERSION"]).removeprefix("go")
    toolchain = str(settings.get("GOTOOLCHAIN", ""))
    if present < _FIRST_WITH_TOOLCHAINS or not toolchain.endswith(("auto", "path")):
        raise SetupError(
            f"Go {version} ({go}) is too old to build pulumi v{PROVIDED}",
            f"install Go {needed} or newer (https://go.dev/dl), {OTHERWISE}",
        )
    progress.say(f"pulumi: Go {version} looks for Go {needed}, which the engine needs")
    return go


def _needed() -> str:
    line = re.search(r"^go (\S+)$", (MODULE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if line is None:
        raise ValueError("containment/engine/go.mod names no Go version")
    return line[1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("-")[0])[:3])


def _failure(tail: list[str]) -> SetupError:
    """Turn the last lines of the go command into what a person can act upon."""
    text = "\n".join(tail)
    last = next((line for line in reversed(tail) if line.strip()), "it said nothing")
    if "no space left on device" in text or "disk quota exceeded" in text:
        full = next(line for line in tail if "no space left" in line or "quota exceeded" in line)
        return SetupError(
            f"no space left on the disk while building pulumi ({full.strip()})",
            f"free {ROOM} where Go keeps its caches (`go env GOMODCACHE GOCACHE`) and in"
            f" {cache().parent}, and run it again",
        )
    if "SECURITY ERROR" in text or "checksum mismatch" in text:
        return SetupError(
            "a module of pulumi is not the one that containment/engine/go.sum pins"
            f" ({last.strip()})",
            "do not go on with it; find out what stands between this machine and GOPROXY"
            " (`go env GOPROXY`)",
        )
    if "toolchain not available" in text or "requires go >=" in text:
        return SetupError(
            f"this Go is too old to build pulumi v{PROVIDED} and could not fetch a newer one",
            f"install Go {_needed()} or newer (https://go.dev/dl), {OTHERWISE}",
        )
    if _NETWORK.search(text):
        return SetupError(
            f"the modules of pulumi cannot be downloaded ({last.strip()})",
            "connect to the network, or point GOPROXY at a module proxy that you can reach,"
            f" {OTHERWISE}",
        )
    if "signal: killed" in text:
        return SetupError(
            "the compiler was killed while building pulumi, most likely for want of memory",
            "free 2 GB of memory, or run it again with GOMAXPROCS=1",
        )
    lines = "\n  ".join(tail[-12:])
    return SetupError(
        f"pulumi v{PROVIDED} could not be built",
        f"run it again, {OTHERWISE}; the compiler's last lines were:\n  {lines}",
    )
