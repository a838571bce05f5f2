"""The nouns of the kit: frozen values that go between its rooms and into its JSON. No I/O."""
