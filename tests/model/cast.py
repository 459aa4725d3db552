"""Who plays in the stories: incidents, their targets, and what each rung holds of an attacker's."""

from __future__ import annotations

from collections.abc import Mapping

FIRST, SECOND = "inc-2026-0042", "inc-2026-0077"
CI, BOT = "user/ci-deploy", "user/release-bot"
DEPLOY, APP = "role/deploy", "role/app"
RUNGS: Mapping[str, tuple[str, ...]] = {
    CI: ("deny-all", "key-only"),
    BOT: ("deny-all", "key-only"),
    DEPLOY: ("revoke-sessions", "close-trust", "deny-all", "session"),
    APP: ("revoke-sessions", "close-trust", "deny-all", "session"),
}
PATHS = {CI: "user/ci/ci-deploy", BOT: "user/ci/release-bot", DEPLOY: DEPLOY, APP: APP}
# What a rung holds of the attacker's, by the kind of credential.
COVERS = {
    "key-only": {"key"},
    "deny-all": {"key", "token", "session"},
    "revoke-sessions": {"session"},
    "close-trust": {"session"},
    "session": {"session"},
}
