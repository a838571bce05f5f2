"""What is wrong with an agent before it runs: one plain sentence that says what to do."""


class AgentSpecError(ValueError):
    """The named object cannot be used as an agent."""
