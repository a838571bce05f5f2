"""Imported first, makes the process one of another version. For the test that such a deployment is refused."""

import netra_backend

netra_backend.__version__ = "0.0.9"
