"""What is measured: a module for each, whose `section` runs it and returns its part of the report."""
