"""Publishes what cameras show to an MQTT broker, with Home Assistant's discovery.

It is the command `edgeseg mqtt`. Its extra `mqtt` has the MQTT client, which `edgeseg_client` does
not need.
"""
