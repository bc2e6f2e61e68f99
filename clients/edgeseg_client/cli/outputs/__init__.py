"""Where the results of a stream go: files, lines of JSON, a video, a recording."""
