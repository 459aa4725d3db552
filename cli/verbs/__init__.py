"""The verbs of ``containment``: a file each, imported only when its verb is used."""
