"""A stateful stand-in for Stripe, below the real SDK: for tests, and for an installation without a Stripe key."""
