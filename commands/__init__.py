"""The commands of the front door, one file a group. Only they print; everything heavy is imported inside them."""
