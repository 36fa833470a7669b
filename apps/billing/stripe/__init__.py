"""Stripe collects: checkout, cards, subscriptions, invoices, tax. What is owed is decided by our own ledger."""
