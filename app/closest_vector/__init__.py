"""Parts of the lesson on the closest vector."""
