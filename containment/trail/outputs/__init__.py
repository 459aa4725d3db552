"""Write the answer of a trace as text, JSON, tables, a page, and as proposals in a spec."""
