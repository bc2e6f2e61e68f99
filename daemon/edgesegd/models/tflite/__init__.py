"""The file format of TFLite."""
