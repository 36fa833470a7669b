"""What `bench/run.py` and `bench/micro.py` measure with."""
