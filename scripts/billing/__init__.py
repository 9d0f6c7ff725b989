"""Reconciliation of the books with Stripe."""
