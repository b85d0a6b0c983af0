"""The conformance kit: every promise of the contract, checked on a third party's backend.

`inside` and `signatures` run in the worker and import nothing but what the worker has; the rest
runs in pytest.
"""
