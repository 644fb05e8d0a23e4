"""Parts of the lesson Beyond Babai."""
