"""Parts of the lesson on damping: the numbers of each λ, the appended block, held-out losses."""
