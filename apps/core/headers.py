def header_text(value: str) -> str:
    """What a header says. Servers hand its bytes on as latin-1 (RFC 9110, section 5.5), clients write UTF-8; what
    is not UTF-8 stays as it is."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
