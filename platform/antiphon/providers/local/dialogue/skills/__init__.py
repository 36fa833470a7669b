"""One file per skill, each with one function: `match(utterance, context) -> Answer | None`.

A new skill is a file here, a line in `router.SKILLS`, and its lines in the conversation tests.
"""
