"""The TFLite runtimes: interpreters and their delegates."""
