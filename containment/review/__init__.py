"""What a change of specs would do once it is applied, judged before it is merged. Reads only."""
