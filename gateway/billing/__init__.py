"""Money in: the Stripe client, its webhook, and a simulator of Stripe for the demo and for tests."""
