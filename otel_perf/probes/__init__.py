"""What is read outside: the machine, the container, the process, its interpreter, its event loops, the GPU."""
