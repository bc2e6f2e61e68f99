"""What keeps an engine from giving wrong results, hanging, or outliving the front."""
