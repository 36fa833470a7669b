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

    if sys.argv[1:2] != ["up"]:
        join_running_instance()

    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    import antiphon.config  # noqa: F401  names the settings

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(
            "The database cannot be reached: start Antiphon with `make up` first, or set DATABASE_URL and "
            f"ACROSS_DATABASE_URL. ({str(error).partition(chr(10))[0]})"
        )


def join_running_instance() -> None:
    """Where the environment names no database, use that of the `up` which runs on the same data folder."""
    from antiphon.config.env import env_data_dir
    from antiphon.embedded.running import running_environment

    if "DATABASE_URL" not in os.environ and "DATABASE_URL_FILE" not in os.environ:
        for name, value in running_environment(env_data_dir()).items():
            os.environ.setdefault(name, value)


if __name__ == "__main__":
    main()
