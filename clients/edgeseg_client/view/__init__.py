"""A web page that shows sources with their masks; needs aiohttp, which is in the extra `view`."""
