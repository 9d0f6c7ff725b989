"""The operators' month as a page, made from the analysts' views only."""
