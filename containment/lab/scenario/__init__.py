"""Build example organisations, and play the attacker and the bystanders in them."""
