"""The one place that every create, update, delete, restore, adopt and sweep passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.errors import ContainmentError
from containment.lifecycle.terms import require_terms

if TYPE_CHECKING:
    from containment.aws.principal import LivePrincipal
    from containment.lifecycle.context import Context
    from containment.lifecycle.lift import LiftPlan
    from containment.lifecycle.wire import Inputs


class Gate:
    """Decides whether something may be done at all, before anything is changed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def require_containable(self, inputs: Inputs) -> None:
        """Let a create or an update go on.

        Raises:
            RefusedError: the credentials in use are of another endpoint or account.
        """
        self._context.require_same_place(inputs)

    def require_liftable(self, state: Inputs, plan: LiftPlan) -> None:
        """Let a delete or a restore carry out *plan*.

        Raises:
            ConflictError: its terms are not those of the spec file as it is now.
        """
        if plan.empty:
            return
        context = self._context
        require_terms(state, context.directory, applying=bool(context.declared), clock=context.now)

    def require_adoptable(self, inputs: Inputs, live: LivePrincipal) -> None:
        """Let a stack take over what is live on a principal.

        Raises:
            RefusedError: the credentials in use are of another endpoint or account.
        """
        del live
        self._context.require_same_place(inputs)


def require_sweepable(live: LivePrincipal, incident: str, *, over: bool) -> None:
    """Let a sweep, which has no stack, remove the fence of *incident*; *over* says that it ended.

    Raises:
        ContainmentError: it has not, or something else of the incident is there.
    """
    if not over:
        raise ContainmentError(
            f"{live} carries something newer of {incident} now",
            remedy="run 'containment status' and sweep again later",
        )
