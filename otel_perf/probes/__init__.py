"""What is read outside: machine, container, process, interpreter, event loops, GPU; and what single operations cost.

The tests run on Linux. What macOS and Windows lack or name otherwise is guarded, and has not been run there.
"""
