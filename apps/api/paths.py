"""Where the API is, with and without the version in the path."""

import re

API_PATH = re.compile(r"/(?:api/)?(?:v1|models|realtime)(?:/|$)")
MANAGEMENT_PATH = re.compile(r"/api/v1(?!/(?:models|realtime)(?:/|$))(?:/|$)")
"""Of these, what is described by `/api/v1/openapi.json`."""
