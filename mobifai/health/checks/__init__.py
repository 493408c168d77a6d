"""The checks of `mobifai doctor`, one module for each subject. A check changes nothing."""
