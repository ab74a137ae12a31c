"""What helps to test stores, notebooks and code built on this package."""
