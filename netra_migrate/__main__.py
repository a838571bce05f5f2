"""`python -m netra_migrate`: the kit without the server's program around it."""

from netra_migrate.cli import main

if __name__ == "__main__":
    main()
