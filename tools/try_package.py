"""Install the wheel bare, where there is no checkout, and contain and lift with it.

Wheel and sdist are built, the wheel of the sdist is the same as the wheel, and an environment of
its own gets the wheel and what it declares, no extra. Then, in an empty folder: ``init``, ``open``,
``check``, ``up``, ``status``, ``lift``, against a lab that this checkout serves. Access is tried
before, during and after, a bystander's too. The verbs that need an extra have to name it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from containment.lab.scenario import inventory
from containment.lab.testing import Lab, lab_server
from tests.support.trail_record import trail_record

ROOT = Path(__file__).parents[1]
UV = ROOT / "tools" / "uv.sh"
INCIDENT = "inc-2026-0042"


def main() -> None:
    """Try it, and end with what went wrong, if anything did."""
    with tempfile.TemporaryDirectory(prefix="containment-package-") as temporary:
        folder = Path(temporary)
        wheel = build(folder)
        programs = install(wheel, folder)
        with lab_server() as lab:
            contain_and_lift(lab, programs, folder)
    print("package: the wheel contains and lifts in an empty folder")


def build(folder: Path) -> Path:
    """Build both, and see that the sdist makes the same wheel."""
    run([UV, "build", "--quiet", "--sdist", "--wheel", "--out-dir", folder / "dist"], cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    run([UV, "build", "--quiet", "--wheel", "--out-dir", folder / "again", sdist], cwd=ROOT)
    (again,) = (folder / "again").glob("*.whl")
    if names(wheel) != names(again):
        sys.exit(f"error: the sdist makes another wheel: {names(wheel) ^ names(again)}")
    return wheel


def names(wheel: Path) -> set[str]:
    """Return the files in a wheel."""
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def install(wheel: Path, folder: Path) -> Path:
    """Install *wheel* with what it declares, in the versions of the lock, and no extra."""
    lock = folder / "versions.txt"
    run(
        [
            *(UV, "export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--quiet"),
            *("--output-file", lock),
        ],
        cwd=ROOT,
    )
    venv = folder / "venv"
    run([UV, "venv", "--quiet", "--python", sys.executable, venv], cwd=folder)
    run(
        [
            *(UV, "pip", "install", "--quiet", "--python", venv / "bin" / "python"),
            *("--constraint", lock, wheel),
        ],
        cwd=folder,
    )
    return venv / "bin"


def contain_and_lift(lab: Lab, programs: Path, folder: Path) -> None:
    """Use the installed package as somebody would who has nothing else."""
    world = lab.world
    place = folder / "incidents"
    place.mkdir()
    (folder / "state").mkdir()
    environ = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_REGION": world.region,
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        **{name: os.environ[name] for name in ("XDG_CACHE_HOME", "GOPROXY") if name in os.environ},
        **world.responder.env(),
    }
    # The engine that this checkout has: to build another takes minutes.
    environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))

    def containment(*arguments: str, code: int = 0) -> str:
        return run([programs / "containment", *arguments], cwd=place, environ=environ, code=code)

    def reads(credentials: object) -> bool:
        s3 = lab.client("s3", credentials)  # type: ignore[arg-type]
        try:
            s3.list_objects_v2(Bucket=world.bucket)
        except s3.exceptions.ClientError:
            return False
        return True

    def expect(*, leaked: bool, when: str) -> None:
        if reads(world.leaked) is not leaked or not reads(world.bystander):
            sys.exit(f"error: {when}: the leaked key should {'' if leaked else 'not '}work")

    before = inventory.take(lab.client("iam", world.admin))
    expect(leaked=True, when="before")
    containment("init")
    key = world.leaked.access_key_id
    record = trail_record(key)
    (folder / "record.json").write_text(json.dumps({"Records": [record]}))
    for extra, arguments in (
        ("lab", ("lab", "start")),
        ("lab", ("lab", "start", "--detach")),
        ("lab", ("demo",)),
        ("trace", ("trace", key, "--since", "2026-11-01T00:00:00Z", "../record.json")),
    ):
        output = containment(*arguments, code=9)
        if f"pip install 'containment[{extra}]'" not in output or output.count("error:") != 1:
            sys.exit(f"error: {' '.join(arguments)} does not name the extra {extra}:\n{output}")
    containment(
        *("open", key, "--incident", INCIDENT, "--title", "a try"),
        *("--since", "2026-11-01T00:00:00Z", "--source", "a try", "--owner", "me@example.com"),
        *("--disposition", "false-positive"),
    )
    containment("check")
    containment("preview")
    containment("up", "--yes")
    expect(leaked=False, when="after up")
    containment("status")
    containment("lift", "--preview")
    containment("lift", "--yes")
    expect(leaked=True, when="after lift")
    run([place / ".containment" / "bin" / "pulumi", "stack", "ls"], cwd=place, environ=environ)
    changed = inventory.changes(before, inventory.take(lab.client("iam", world.admin)))
    if changed:
        sys.exit(f"error: the account is not as it was: {changed}")


def run(
    command: list[object], *, cwd: Path, environ: dict[str, str] | None = None, code: int = 0
) -> str:
    """Run *command*, which has to end with *code*, and return what it said."""
    words = [str(word) for word in command]
    process = subprocess.run(
        words,
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode != code:
        sys.exit(f"error: {' '.join(words)} ended with {process.returncode}:\n{process.stdout}")
    return process.stdout


if __name__ == "__main__":
    main()
