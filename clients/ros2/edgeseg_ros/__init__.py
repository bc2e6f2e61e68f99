"""A ROS 2 node that sends camera images to an edgeseg daemon and publishes the masks.

Only `node` imports ROS. All other modules take the types of the messages as a `MessageTypes`.
"""

import edgeseg_client  # noqa: F401  # before anything imports gRPC
