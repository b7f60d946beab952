"""Markdown that strangers wrote, as HTML that a page may show."""
