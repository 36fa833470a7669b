"""Tools of servers that speak the Model Context Protocol over streamable HTTP.

A client of our own on the filtered outbound network rather than the `mcp` package: that takes two seconds of
processor time and 37 MB to import, brings a second HTTP stack, a web framework and a dozen further packages,
follows no filter of ours, reads answers of any size, and does not tell which HTTP status failed a call. Tests hold
this client against that package's server.
"""
