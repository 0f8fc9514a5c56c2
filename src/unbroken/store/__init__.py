"""The store: where the logs, and what people read of them, are kept for good.

Who uses it sees `port` and `records`. The rules stand once, over the transactions of any database;
a folder for each dialect has what only that database knows.
"""
