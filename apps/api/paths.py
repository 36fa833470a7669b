"""Where the API is, with and without the version in the path."""

import re

API_PATH = re.compile(r"/(?:api/)?(?:v1|models|realtime)(?:/|$)")
LIMITED_PATH = re.compile(r"/(?:(?:api/)?(?:v1|models|realtime)|webhooks)(?:/|$)")
"""Where a body has a limit: the API, and what others send us."""
REST_PATH = re.compile(r"/(?:v1|realtime)(?:/|$)")
"""Of these, where no page is, nor anything for who signs in."""
MANAGEMENT_PATH = re.compile(r"/api/v1(?!/(?:models|realtime)(?:/|$))(?:/|$)")
"""Of these, what is described by `/api/v1/openapi.json`."""
