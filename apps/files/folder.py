"""Files in a local folder, each there as a whole or not at all, whatever dies while it is written."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

UNFINISHED = ".unfinished-"


class FolderStorage(FileSystemStorage):
    """Folders come and go with what is in them."""

    def _save(self, name: str, content: "File[Any]") -> str:
        target = Path(self.path(name))
        while True:
            self._make_folder(target.parent)
            try:
                handle, path = tempfile.mkstemp(prefix=UNFINISHED, dir=target.parent)
                break
            except FileNotFoundError:  # the last file in it was deleted just now
                continue
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in content.chunks():
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            os.replace(path, target)
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise
        return name

    def delete(self, name: str) -> None:
        target, root = Path(self.path(name)), Path(self.location)
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder == root:
                return
            with suppress(FileNotFoundError):
                try:
                    folder.rmdir()
                except OSError:
                    return  # others are in it

    def _make_folder(self, folder: Path) -> None:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
