"""Drive every page that the project writes in a real browser."""
