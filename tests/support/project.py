"""A project for the real engine: the program linked, stacks and state in a test's folder."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import cli.main
from containment.engine import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv" / "bin"
STACK = "inc-2026-0042"


@dataclass
class EngineRun:
    """One run of the engine."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class VerbRun:
    """One run of ``containment``."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """All that it printed."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """What it printed, as the document that it is."""
        return json.loads(self.out)


@dataclass
class Project:
    """A project folder, its backend, and the environment that the engine runs in."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    engine: Path = BIN / "pulumi"

    @classmethod
    def make(
        cls, folder: Path, environ: Mapping[str, str], *, like: Project | None = None
    ) -> Project:
        """Lay out a project in *folder*, with a backend beside it that holds an empty stack.

        With *like*, that project's stacks and state are copied, which is quicker.
        """
        project = folder / "project"
        if like is None:
            (project / "stacks").mkdir(parents=True)
            (folder / "state").mkdir()
        else:
            shutil.copytree(like.folder / "stacks", project / "stacks")
            shutil.copytree(like.folder.parent / "state", folder / "state")
        layout.lay_out(project)
        made = cls(
            project,
            {
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "HOME": os.environ["HOME"],
                "PULUMI_HOME": str(folder / "home"),
                "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
                "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": str(folder / "none"),
                "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
                **environ,
            },
        )
        if like is None:
            made.run("stack", "init", STACK)
        else:  # which stack is selected is remembered by the folder's name
            made.environ["PULUMI_STACK"] = STACK
        return made

    def spec(self, text: str) -> None:
        """Write the stack's spec."""
        (self.folder / "stacks" / f"{STACK}.yaml").write_text(text, encoding="utf-8")

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start ``pulumi`` and return at once."""
        return subprocess.Popen(
            [str(self.engine), *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **environ: str) -> EngineRun:
        """Run ``pulumi`` to its end."""
        process = self.start(*arguments, **environ)
        output, _ = process.communicate(timeout=120)
        return EngineRun(process.returncode, output)

    def start_verb(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start ``containment`` and return at once."""
        return subprocess.Popen(
            [BIN / "containment", *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def verb(self, *arguments: str, **environ: str) -> VerbRun:
        """Run ``containment`` to its end, in this process: to start one takes a second."""
        out, err = StringIO(), StringIO()
        with (
            chdir(self.folder),
            mock.patch.dict(os.environ, {**self.environ, **environ}, clear=True),
            mock.patch.object(sys, "stdin", StringIO()),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = cli.main.run(arguments)
        return VerbRun(code, out.getvalue(), err.getvalue())

    def ok(self, *arguments: str) -> str:
        """Run ``pulumi``, which has to succeed; return what it said."""
        outcome = self.run(*arguments)
        if outcome.exit_code != 0:
            raise AssertionError(f"pulumi {' '.join(arguments)} failed\n{outcome.output}")
        return outcome.output

    def up(self) -> str:
        """Apply without the preview, which other tests show."""
        return self.ok("up", "--yes", "--skip-preview")

    def destroy(self) -> str:
        """Lift without the preview."""
        return self.ok("destroy", "--yes", "--skip-preview")

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the state."""
        if not self.environ["PULUMI_BACKEND_URL"].startswith("file:"):
            state_text = self.ok("stack", "export")
            exported = json.loads(state_text[state_text.index("{") :])
            return list((exported["deployment"] or {}).get("resources") or [])
        folder = self.folder.parent / "state" / ".pulumi" / "stacks" / "containment"
        packed = (folder / f"{STACK}.json.gz").read_bytes()
        checkpoint = json.loads(gzip.decompress(packed))["checkpoint"]["latest"]
        return list(checkpoint.get("resources", []))


def spec(*targets: str, disposition: str = "suspected", extra: str = "") -> str:
    """Return a spec with *targets*, each the YAML of one."""
    return (
        f"incident: {STACK}\n"
        "title: ci-deploy access key pushed to a public repository\n"
        "compromised_at: 2026-11-01T00:00:00Z\n"
        "compromised_at_source: GitHub secret scanning alert 17\n"
        f"disposition: {disposition}\n"
        "severity: high\n"
        "cause: exposed-in-source\n"
        "owner: security-oncall@example.com\n"
        "review_by: 2026-12-24T09:00:00Z\n"
        f"{extra}"
        "targets:\n" + "".join(f"  - {target}\n" for target in targets)
    )
