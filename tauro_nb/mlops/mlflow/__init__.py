"""MLflow as a replica."""
