"""One file a family of Stripe's objects: how they look when new, what happens to them, their endpoints."""
