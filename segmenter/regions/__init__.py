"""Label images and what is told of their segments."""
