"""Extract from records what a lineage rests on, and keep it in an index."""
