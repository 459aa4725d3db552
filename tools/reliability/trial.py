"""One trial: a run is broken by a blow, somebody goes on, and the account is looked at.

It is right where it ends contained exactly as declared, or restored exactly, or refused with the
difference named; anything else is lost.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from project import BIN, STACK, Done, Project
from relay import relay
from workbench import can_list

from containment.aws.clients import is_mutating
from containment.lab import picture
from tools.reliability.blow import Blow, Run, Strike, bring_back
from tools.reliability.scenes import SCENES, Scene

if TYPE_CHECKING:
    from collections.abc import Generator

    from relay import Passing

    from containment.lab.picture import Picture
    from containment.lab.testing import Lab

Verb = Literal["up", "repair", "replace", "destroy"]
After = Literal[
    "up",
    "destroy",
    "refresh",
    "cancel",
    "containment up",
    "containment lift",
    "cancel at once",
    "destroy at once",
]

_MOST_TRIES = 4
_IMPATIENCE = ((3.0, signal.SIGINT), (2.0, signal.SIGINT), (8.0, signal.SIGKILL))
STATE_BUCKET = "incident-states"
_MARK = re.compile(r"Containment([A-Z2-7]{12})[0-9a-z]{19}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CLAIM = re.compile(r"(=\w+)? s=\w+ g=\d+")


@dataclass(frozen=True, slots=True)
class Trial:
    """A row of the matrix; without a blow it is the clean run that the others are held to."""

    scene: str
    verb: Verb
    blow: Blow | None
    after: After

    @property
    def kind(self) -> str:
        """What is tried, for the table."""
        if self.blow is None:
            return "undisturbed"
        if self.blow.who == "nobody":
            at_once = "a run that lives, cancelled or lifted"
            return at_once if self.blow.how == "nothing" else "the state cannot be written"
        if self.blow.fate == "late":
            return "an orphan's call arrives 2 s late"
        if self.verb in {"repair", "replace"}:
            return f"a crash during a {self.verb}"
        return "a process gets a signal" if self.blow.fate == "passes" else "a crash at a call"

    @property
    def name(self) -> str:
        """The row's name, by which it can be picked."""
        return f"{self.scene}: {self.verb}, {self.blow or 'undisturbed'}, then {self.after}"


@dataclass(frozen=True, slots=True)
class Storm:
    """An ``up`` and a ``destroy`` while a fifth of all calls fails, as *seed* decides."""

    scene: str
    seed: int

    @property
    def kind(self) -> str:
        """What is tried, for the table."""
        return "a fifth of all calls fails"

    @property
    def name(self) -> str:
        """The row's name."""
        return f"{self.scene}: up and destroy with a fifth of all calls failing, seed {self.seed}"

    def faults(self, principal: str, tried: int) -> list[dict[str, Any]]:
        """Return the lab's rules; a further try is a moment later and meets others."""
        seed = self.seed * 1000 + tried * 10
        return [
            *(
                {"kind": kind, "principal": principal, "probability": 0.05, "seed": seed + number}
                for number, kind in enumerate(("throttle", "error", "lose", "drop"))
            ),
            {"kind": "lag", "seconds": 2.0},
        ]


@dataclass
class Result:
    """How a trial ended, and what proves it."""

    name: str
    outcome: str
    evidence: str = ""
    lost: str = ""
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """True where nothing was lost."""
        return not self.lost


class LostError(Exception):
    """A trial that did not end as it has to; the text says what differs."""


@dataclass
class Lane:
    """One lab and what trials on it share."""

    lab: Lab
    folder: Path
    _empty: Project | None = None
    _contained: dict[str, Picture] = field(default_factory=dict[str, Any])
    _lifted: dict[str, Picture] = field(default_factory=dict[str, Any])

    def run(self, trial: Trial | Storm) -> Result:
        """Run *trial* on a fresh company."""
        started = time.monotonic()
        result = Result(trial.name, "LOST")
        try:
            scene = SCENES[trial.scene]
            if isinstance(trial, Storm):
                self._reference(scene)
                result.outcome, result.evidence = self._weathered(trial)
            elif trial.blow is None:
                self._clean(scene)
                result.outcome, result.evidence = "contained, restored", "the calls are as listed"
            else:
                self._reference(scene)
                result.outcome, result.evidence = self._broken(trial, trial.blow)
        except Exception as error:  # noqa: BLE001 -- whatever stops a trial is a trial lost
            result.lost = str(error) or type(error).__name__
        result.seconds = time.monotonic() - started
        return result

    def _weathered(self, storm: Storm) -> tuple[str, str]:
        """Contain and lift while a share of all calls fails; each may have to be repeated."""
        with self._stage(SCENES[storm.scene]) as stage:
            hits: Counter[str] = Counter()
            tries: list[int] = []
            for verb in ("up", "destroy"):
                tries.append(self._try(stage, verb, storm, hits))
                self._require_contained(stage) if verb == "up" else self._require_restored(stage)
            met = ", ".join(f"{count} {kind}" for kind, count in sorted(hits.items()))
            return f"contained in {tries[0]}, restored in {tries[1]}", f"{met or 'no fault'}"

    def _try(self, stage: Stage, verb: str, storm: Storm, hits: Counter[str]) -> int:
        """Run *verb* until it comes to a good end; return how often that took."""
        said = ""
        for tried in range(1, _MOST_TRIES + 1):
            self.lab.faults(*storm.faults(self.lab.world.responder_role, tried))
            done = stage.project.run(verb, "--yes", "--skip-preview")
            for rule in self.lab.status()["faults"]:
                hits[rule["kind"]] += rule["hits"]
            del hits["lag"]  # which is no fault, and has no hits
            self.lab.faults()
            if done.exit_code == 0:
                return tried
            said = done.output
        raise LostError(f"{verb} failed {_MOST_TRIES} times\n{said}")

    def _broken(self, trial: Trial, blow: Blow) -> tuple[str, str]:
        with self._stage(SCENES[trial.scene], in_s3=blow.how == "state refused") as stage:
            strike = Strike(blow, stage.state)
            stage.strike = strike
            if trial.verb != "up":
                stage.project.up()
            try:
                code = stage.interrupted(trial.verb, strike, trial.after)
                outcome = self._go_on(stage, trial)
            finally:
                strike.settled()  # the next trial's world is not theirs to write to
            if missed := strike.missed():
                raise LostError(f"not hit: {missed}")
            dead = ", ".join(f"{name} {pid}" for name, pid in strike.alive.items())
            return (
                outcome,
                f"{blow.operation} seen; {dead or 'nobody'} alive, now dead; exit {code}",
            )

    def _go_on(self, stage: Stage, trial: Trial) -> str:
        """Do what comes next and return how it ended."""
        if trial.after == "destroy at once":
            self._require_restored(stage)
            return "restored"
        if trial.after.startswith("containment"):
            if trial.after == "containment up":
                stage.verb("up", "--yes")
                self._require_contained(stage)
            stage.verb("lift", "--yes")
            self._require_restored(stage)
            return "restored" if trial.after.endswith("lift") else "contained, restored"
        if trial.after == "cancel" or stage.locked:
            stage.project.ok("cancel", "--yes")
        if trial.after == "up":
            stage.project.up()
            self._require_contained(stage)
        if trial.after == "refresh":
            stage.project.ok("refresh", "--yes")
        stage.project.destroy()
        self._require_restored(stage)
        return {"up": "contained, restored", "cancel at once": "refused, restored"}.get(
            trial.after, "restored"
        )

    def _require_contained(self, stage: Stage) -> None:
        now = _plain(stage.before, picture.take(stage.admin))
        if now != self._contained[stage.scene.name]:
            raise LostError(f"not contained as declared: {_told(self._contained, stage, now)}")
        stage.require_use(leaked=False)

    def _require_restored(self, stage: Stage) -> None:
        now = _plain(stage.before, picture.take(stage.admin))
        if now != self._lifted[stage.scene.name]:
            raise LostError(f"not restored: {_told(self._lifted, stage, now)}")
        if held := stage.project.resources():
            raise LostError(f"the state still holds {len(held)} resources")

    def _reference(self, scene: Scene) -> None:
        if scene.name not in self._lifted:
            self._clean(scene)

    def _clean(self, scene: Scene) -> None:
        """Run *scene* undisturbed, keep how it looks, hold its list of calls to the truth."""
        with self._stage(scene) as stage:
            for verb, listed in (("up", scene.up), ("destroy", scene.destroy)):
                stage.calls.clear()
                stage.project.up() if verb == "up" else stage.project.destroy()
                if sorted(stage.calls) != sorted(listed):
                    raise LostError(f"{verb} makes the calls {sorted(stage.calls)}, not {listed}")
                kept = self._contained if verb == "up" else self._lifted
                kept[scene.name] = _plain(stage.before, picture.take(stage.admin))
                if verb == "up":
                    stage.require_use(leaked=False)
        fenced = "fenced" in scene.name
        if bool(self._lifted[scene.name]) is not fenced:
            raise LostError(f"after a lift there is {self._lifted[scene.name]}")

    @contextmanager
    def _stage(self, scene: Scene, *, in_s3: bool = False) -> Generator[Stage]:
        lab = self.lab
        world = lab.reseed()
        scene.prepare(lab)
        environ = world.responder.env()
        if self._empty is None:
            self._empty = Project.make(self.folder / "empty", environ)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder, ExitStack() as relays:
            project = Project.make(Path(folder), environ, like=self._empty)
            project.spec(scene.text(world))
            stage = Stage(scene, lab, project)
            hands_on = relay(lab.endpoint, arriving=stage.arriving, answered=stage.answered)
            project.environ["AWS_ENDPOINT_URL"] = relays.enter_context(hands_on)
            if in_s3:
                keeps = relay(lab.endpoint, arriving=stage.writing)
                keep_in_s3(project, lab, relays.enter_context(keeps))
            stage.before = picture.take(stage.admin)
            yield stage


def keep_in_s3(project: Project, lab: Lab, endpoint: str) -> None:
    """Keep the state of *project* in a versioned bucket of the lab, reached at *endpoint*."""
    s3 = lab.client("s3", lab.world.admin)
    s3.create_bucket(Bucket=STATE_BUCKET)
    s3.put_bucket_versioning(Bucket=STATE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    lab.client("iam", lab.world.admin).put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="state",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": "s3:*",
                    "Resource": [f"arn:aws:s3:::{STATE_BUCKET}", f"arn:aws:s3:::{STATE_BUCKET}/*"],
                },
            }
        ),
    )
    project.environ |= {
        "PULUMI_BACKEND_URL": f"s3://{STATE_BUCKET}?endpoint={endpoint}"
        "&s3ForcePathStyle=true&region=us-east-1",
        "PULUMI_CONFIG_PASSPHRASE": "correct horse battery staple",
    }
    for settings in (project.folder / "stacks").glob("Pulumi.*.yaml"):
        settings.unlink()  # the secrets of the stack that it was copied from
    project.environ.pop("PULUMI_STACK", None)
    project.ok("stack", "init", STACK)
    project.environ["PULUMI_STACK"] = STACK


@dataclass
class Stage:
    """What one trial plays on."""

    scene: Scene
    lab: Lab
    project: Project
    before: Picture = field(default_factory=dict[str, str])
    calls: list[str] = field(default_factory=list[str])
    strike: Strike | None = None

    @property
    def admin(self) -> Any:
        """IAM, as somebody who may see everything."""
        return self.lab.client("iam", self.lab.world.admin)

    @property
    def state(self) -> Path:
        """Where the state is kept."""
        return self.project.folder.parent / "state"

    @property
    def locked(self) -> bool:
        """Whether a lock was left behind."""
        if self.project.environ["PULUMI_BACKEND_URL"].startswith("s3:"):
            s3 = self.lab.client("s3", self.lab.world.admin)
            kept = s3.list_objects_v2(Bucket=STATE_BUCKET, Prefix=".pulumi/locks/")
            return bool(kept.get("Contents"))
        return any((self.state / ".pulumi" / "locks").rglob("*.json"))

    def arriving(self, passing: Passing) -> bool:
        """See a call before it is carried out."""
        if passing.operation and is_mutating(passing.operation):
            self.calls.append(passing.operation)
        return self.strike is None or self.strike.arriving(passing)

    def answered(self, passing: Passing) -> bool:
        """See a call after it was carried out."""
        return self.strike is None or self.strike.answered(passing)

    def writing(self, passing: Passing) -> bool:
        """See a call to the bucket that holds the state."""
        return self.strike is None or self.strike.writing(passing)

    def interrupted(self, verb: Verb, strike: Strike, after: After) -> int:
        """Run *verb* and let it be struck; return its exit code.

        What comes *after* may come at once, while it lives.
        """
        arguments = ["destroy" if verb == "destroy" else "up", "--yes", "--skip-preview"]
        if verb == "repair":
            self._tamper()
        if verb == "replace":
            for found in self.project.resources():
                if found["type"].rpartition(":")[2] in {"DenyPolicy", "InactiveCredentials"}:
                    arguments += ["--replace", found["urn"]]
        strike.run = run = Run(self.project.start(*arguments))
        if after.endswith("at once"):
            self._at_once(strike, after)
        elif strike.blow.who == "nobody":
            self._lose_patience(run, strike)
        code = run.end()
        strike.run, strike.refuses = None, False
        bring_back(self.state)
        return code

    def verb(self, *arguments: str) -> Done:
        """Run one of our own verbs, which has to succeed."""
        done = subprocess.run(
            [BIN / "containment", *arguments, STACK],
            cwd=self.project.folder,
            env=self.project.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode != 0:
            raise LostError(f"containment {' '.join(arguments)} failed\n{done.stdout}")
        return Done(done.returncode, done.stdout)

    def require_use(self, *, leaked: bool) -> None:
        """Hold the leaked key, and a bystander's, to what they may do."""
        world = self.lab.world
        about_the_key = "role" not in self.scene.name
        if about_the_key and can_list(self.lab, world.leaked) is not leaked:
            raise LostError(f"the leaked key {'does not work' if leaked else 'works'}")
        if not can_list(self.lab, world.bystander):
            raise LostError("the bystander lost access")

    def _tamper(self) -> None:
        """Undo what was done, as a thief with IAM rights does."""
        now = picture.take(self.admin)
        iam = self.admin
        for kind, name in (("user", "ci-deploy"), ("role", "deploy")):
            if any(fact.startswith(f"{kind} {name}, ") and STACK in fact for fact in now):
                getattr(iam, f"delete_{kind}_policy")(
                    **{f"{kind.capitalize()}Name": name}, PolicyName=f"containment-{STACK}"
                )
        fact = f"user ci-deploy, access key {self.lab.world.leaked.access_key_id}"
        if now[fact] == "Inactive":
            iam.update_access_key(
                UserName="ci-deploy",
                AccessKeyId=self.lab.world.leaked.access_key_id,
                Status="Active",
            )
        trust = "role deploy, AssumeRolePolicyDocument"
        if now[trust] != self.before[trust]:
            iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=self.before[trust])

    def _lose_patience(self, run: Run, strike: Strike) -> None:
        """Stop a run as people do that hangs: the engine tries for minutes to write its state."""
        strike.wait_until_hit(run)
        for wait_s, number in _IMPATIENCE:
            if run.has_ended_within(wait_s):
                return
            run.process.send_signal(number)

    def _at_once(self, strike: Strike, after: After) -> None:
        """Cancel a run that lives, or take its lock away as a cancel from elsewhere does."""
        if strike.run is not None:
            strike.wait_until_hit(strike.run)
        if after == "cancel at once":
            refused = self.project.run("cancel", "--yes")
            if refused.exit_code == 0 or "is being changed right now by" not in refused.output:
                raise LostError(f"a run that lives was cancelled: {refused.output}")
            return
        for lock in (self.state / ".pulumi" / "locks").rglob("*.json"):
            lock.unlink()
        self.project.destroy()


def _plain(before: Picture, now: Picture) -> dict[str, str]:
    """Return what differs from *before*, without what is new in every run: ids, times, order."""
    found: dict[str, str] = {}
    for change in picture.changes(before, now):
        text = _MARK.sub(r"Containment\1", change.after or "not there")
        text = _CLAIM.sub("", _TIME.sub("<time>", text))
        found[change.fact] = text
    return found


def _told(wanted: dict[str, Picture], stage: Stage, now: Picture) -> str:
    differing = picture.changes(wanted[stage.scene.name], now)
    return json.dumps([str(change) for change in differing])
