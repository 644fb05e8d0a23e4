"""Parts of the lesson on living without clipping: one for each way out, and what they cost."""
