"""What is looked at once per tick or around a block: machine, process, garbage collector, GPU, operations."""
