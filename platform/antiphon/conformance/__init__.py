"""Holds any server of the Realtime API against recorded cases: what a client sends, what must come back.

`python -m antiphon.conformance URL --key KEY`; see docs/conformance.md.
"""
