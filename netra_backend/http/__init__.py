"""HTTP beside the socket: login, history, runs, health, metrics, documents, the page."""
