"""Commands of the project: thin entry points; what grew into a program lies in `scripts.setup`."""
