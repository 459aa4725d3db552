"""The demo: a leaked key stolen, contained by `pulumi up` and lifted by `pulumi destroy`.

``stage`` starts and ends every process, ``attacker`` listens to the attacker, ``commands`` runs the
project's own commands, ``story`` is what happens, ``board`` holds what was claimed against what
was seen, ``screen`` shows it.
"""
