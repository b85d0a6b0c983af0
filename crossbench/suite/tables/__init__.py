"""A suite file as it is written: one struct per TOML table, with the words that explain each key.

`load` turns a file into these, `resolved` turns these into the `Suite` that a plan is made from.
The descriptions are the reference of the format: `crossbench suite schema` prints them.
"""
