"""Where the files of a recording are: all below one folder for each session, by the id of the session's row."""

import uuid

from apps.files.store import name_of

FILE_NAME = "recording.ogg"
PEAKS_NAME = "peaks.json"


def folder_of(session_id: uuid.UUID) -> str:
    return name_of("recordings", session_id)


def part_name(session_id: uuid.UUID, number: int) -> str:
    """Of the parts it has while it is made, counted from 1: one after the other they are the stream."""
    return name_of("recordings", session_id, f"part-{number:05d}")


def file_name(session_id: uuid.UUID) -> str:
    """Of the finished recording."""
    return name_of("recordings", session_id, FILE_NAME)


def peaks_name(session_id: uuid.UUID) -> str:
    return name_of("recordings", session_id, PEAKS_NAME)
