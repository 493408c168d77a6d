"""What `mobifai doctor` looks at, one module for each kind of place. A check looks; it changes nothing."""
