"""What our house looks for in every mail."""
