"""Tools on tenants' own servers: each call is one POST, signed as Standard Webhooks has it."""
