"""Takes rights away from a process that reads strangers' bytes, and reports what took effect."""
