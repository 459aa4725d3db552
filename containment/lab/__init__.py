"""An AWS organisation on one machine that enforces what AWS enforces."""
