"""Close the lineage on a source, and make the answer of a trace: calls, resources, gaps."""
