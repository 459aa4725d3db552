"""Whether an incident is contained, by evidence: one module a level, and a verdict over them.

A level says what it saw and concludes nothing; :mod:`containment.verify.verdict` alone does. It
changes nothing in AWS. What each level proves, and what it does not, is in ``docs/verify.md``.
"""
