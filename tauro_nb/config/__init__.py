"""From files to frozen, typed configuration."""
