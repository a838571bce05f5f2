"""The security scan: `python -m tests.scan` looks at secrets, licences and known vulnerabilities of what is locked."""
