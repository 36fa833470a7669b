"""The way out to addresses that tenants choose: tool servers, webhooks. No address inside our own network is
reached, unless the operator allows it."""
