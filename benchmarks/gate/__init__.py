"""The performance gate of the runtime: two trees measured by turns, and the kit's statistics over the pairs."""
