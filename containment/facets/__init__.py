"""What containment leaves on a principal, each kind with its mark: find it, put it, take it away.

Actions and the last line (the snapshot's delete) share these, so that an artefact is taken away in
one way only, whoever does it.
"""
