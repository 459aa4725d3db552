"""Start the guardrails as a policy pack of Pulumi: ``pulumi preview --policy-pack`` runs this."""

from importlib import import_module

# The rules are below all that knows of specs and profiles, which the pack asks.
import_module("containment.review.policy_pack").main()
