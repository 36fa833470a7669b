"""Thoughts that a server leaves in the text: `<think>...</think>` in front of the answer."""

BEGIN, END = "<think>", "</think>"


class WithoutThoughts:
    """Takes the text of an answer piece by piece and gives what of it is to be said.

    Once `passed`, nothing is held back any more, and nothing need be fed.
    """

    def __init__(self) -> None:
        self.passed = False
        self._held = ""

    def feed(self, text: str) -> str:
        self._held += text
        begun = self._held.lstrip()
        if begun.startswith(BEGIN):
            _, ended, rest = begun.partition(END)
            if not ended:
                self._held = BEGIN + begun[len(BEGIN) :][-len(END) :]  # as much as may hold half an end
            self.passed = bool(rest.strip())
            return rest.lstrip() if self.passed else ""
        if BEGIN.startswith(begun):  # it may still become one
            return ""
        self.passed = True
        return self._held

    def end(self) -> str:
        """What was held back and turned out to be no thought."""
        return "" if self.passed or self._held.lstrip().startswith(BEGIN) else self._held
