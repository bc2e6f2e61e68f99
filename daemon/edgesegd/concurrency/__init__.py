"""What asyncio lacks: background tasks that are kept, timeouts that outlive a stopped process."""
