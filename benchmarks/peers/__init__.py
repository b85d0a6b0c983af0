"""This instrument against its peers, on a server that knows when it sent what; see README.md."""
