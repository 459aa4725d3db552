"""Recognise which AWS operation a request is, and write AWS's refusals."""
