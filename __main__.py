"""The stack program: the incident spec of this stack becomes resources."""

from containment.program import main

main()
