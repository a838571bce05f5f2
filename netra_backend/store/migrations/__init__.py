"""The versions of the schema, oldest first; `versions/` is read by Alembic."""
