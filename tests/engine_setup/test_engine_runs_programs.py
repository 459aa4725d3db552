"""The engine that `make setup` provides runs Python programs in this project's manner."""

from __future__ import annotations

import os
import signal
import subprocess
import textwrap
from pathlib import Path

import pytest

from containment.aws.consistency import eventually
from containment.engine import layout
from tests.support.processes import lives

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv"


class Project:
    """A throw-away Pulumi project without a provider, on a file backend of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "Pulumi.yaml").write_text(
            textwrap.dedent("""
                name: throw-away
                runtime: python
                plugins: {languages: [{name: python, path: ./.containment/libexec}]}
            """)
        )
        layout.lay_tools(folder)
        (folder / "state").mkdir()
        kept = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
        self.env = {
            **kept,
            "HOME": str(folder),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }
        self.pulumi("stack", "init", "one")

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [VENV / "bin" / "pulumi", *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )

    def program(self, text: str) -> None:
        (self.folder / "__main__.py").write_text(textwrap.dedent(text))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_program_is_previewed_applied_and_destroyed_without_a_warning(project: Project) -> None:
    project.program("""
        import pulumi, sys
        config = pulumi.Config()
        print("to standard output")
        print("to standard error", file=sys.stderr)
        pulumi.export("greeting", config.get("greeting"))
        pulumi.export("dry", pulumi.runtime.is_dry_run())
        pulumi.export("arguments", sys.argv[1:])
        pulumi.export("command", open("/proc/self/cmdline").read())
        pulumi.export("secret", config.get_secret("hidden"))
    """)
    project.pulumi("config", "set", "greeting", "hello")
    project.pulumi("config", "set", "--secret", "hidden", "sesame-open")

    preview = project.pulumi("preview")
    up = project.pulumi("up", "--yes")
    shown = project.pulumi("stack", "output", "--json")
    destroy = project.pulumi("destroy", "--yes")

    for ran in (preview, up, destroy):
        assert ran.returncode == 0, ran.stdout
        assert "warning" not in ran.stdout
    assert up.stdout.count("to standard output") >= 1
    assert up.stdout.count("to standard error") >= 1
    assert '"greeting": "hello"' in shown.stdout
    assert '"dry": false' in shown.stdout
    assert "sesame-open" not in up.stdout + shown.stdout
    assert not (project.folder / "home" / "plugins").exists()


def test_a_program_that_raises_is_shown_once_from_its_own_first_line(project: Project) -> None:
    project.program("""
        def fail():
            raise ValueError("on purpose")

        fail()
    """)

    ran = project.pulumi("preview", "--suppress-progress")
    diagnostics = ran.stdout.partition("Diagnostics:")[2]

    assert ran.returncode != 0
    assert diagnostics.count("error:") == 1
    assert diagnostics.count("ValueError: on purpose") == 1
    assert "run_program.py" not in diagnostics
    assert "runpy" not in diagnostics


def test_a_run_error_is_shown_without_a_traceback(project: Project) -> None:
    project.program("""
        import pulumi
        raise pulumi.RunError("the spec is empty; add a target")
    """)

    ran = project.pulumi("preview", "--suppress-progress")
    diagnostics = ran.stdout.partition("Diagnostics:")[2]

    assert ran.returncode != 0
    assert diagnostics.count("error:") == 1
    assert "error: the spec is empty; add a target" in diagnostics
    assert "Traceback" not in diagnostics


def test_a_program_that_exits_is_reported_with_its_status(project: Project) -> None:
    project.program("import sys; sys.exit(3)")

    ran = project.pulumi("preview")

    assert ran.returncode != 0
    assert "the program ended with exit status 3" in ran.stdout


def test_a_policy_pack_is_run_and_may_stop_a_preview(project: Project) -> None:
    project.program("import pulumi")
    pack = project.folder / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (pack / "__main__.py").write_text("raise SystemExit('no policy in here')\n")

    ran = project.pulumi("preview", "--policy-pack", str(pack))

    assert ran.returncode != 0
    assert "no policy in here" in ran.stdout


def test_a_program_ends_when_engine_and_language_host_were_killed(project: Project) -> None:
    project.program("""
        import os, pathlib, time
        pathlib.Path("pids").write_text(f"{os.getppid()} {os.getpid()}")
        time.sleep(300)
    """)
    running = subprocess.Popen(
        [VENV / "bin" / "pulumi", "preview", "-s", "one"],
        cwd=project.folder,
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pids = project.folder / "pids"
    assert eventually(lambda: pids.exists() and len(pids.read_text().split()) == 2, timeout_s=30)
    host, program = (int(pid) for pid in pids.read_text().split())

    running.kill()
    os.kill(host, signal.SIGKILL)

    assert eventually(lambda: not lives(program), timeout_s=30)
    running.wait(timeout=30)
