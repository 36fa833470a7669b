"""Where the API is, with and without the version in the path."""

import re

API_PATH = re.compile(r"/(?:api/)?(?:v1|models|realtime)(?:/|$)")
