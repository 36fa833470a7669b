"""Where messages of tests go: to nobody but the test itself, unless it says otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_app


@contextmanager
def broker_at(url: str) -> Iterator[None]:
    """They go to the workers at this Redis."""
    conf = current_app.conf
    before = conf.broker_url
    conf.task_always_eager, conf.broker_url = False, url.replace("unix://", "redis+socket://", 1)
    current_app._after_fork()  # forgets its connections
    try:
        yield
    finally:
        conf.task_always_eager, conf.broker_url = True, before
        current_app._after_fork()
