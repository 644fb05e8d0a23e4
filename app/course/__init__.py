"""What holds the course together: the progress through it, the dictionary, glossary, laws, sources."""
