"""The four phases of a migration in one go: baseline, adapter, gradual, final. Resumable after each of them."""
