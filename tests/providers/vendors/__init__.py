"""Vendors' servers on loopback, which speak their wires and do what a test scripts."""
