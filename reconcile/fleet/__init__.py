"""Many accounts: found, looked at, planned and applied after approval, on this machine or on Temporal's workers.

Everything that is done to an account is done by the same commands that people run (``unit``), which take the lock of
the account's own state. Whoever calls them, twice or after a crash, is fenced off by it.
"""
