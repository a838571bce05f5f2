"""PostgreSQL, the truth: connections, schema, and the storage of threads, messages and runs.

The only package that knows asyncpg; queue, events and auth stand on its `Database`.
"""
