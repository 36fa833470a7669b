#!/usr/bin/env python
"""Django's command line, which also works in a checkout that is not installed."""

import os
import sys
from pathlib import Path


def main() -> None:
    # Matrices here are small: BLAS threads would only spin beside the inference pool. Children inherit it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    project = Path(__file__).resolve().parent
    # `platform` is a source root. Were the project's own folder not behind it, that would change nothing: the
    # standard library's module of the same name wins over a folder without __init__.py.
    sys.path[:0] = [str(project / "platform"), str(project)]

    from django.core.management import execute_from_command_line

    import antiphon.config  # noqa: F401  names the settings

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
