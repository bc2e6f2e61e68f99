"""Starts the node for one camera. Not run by the tests: `launch` is in no package index.

ros2 launch edgeseg_ros edgeseg.launch.py image:=/camera/image_raw server:=board.lan:8460
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

TOPIC = "image"
ARGUMENTS = {
    TOPIC: ("/camera/image_raw", "the camera's topic"),
    "namespace": ("", "where the topics of the masks are, such as /camera"),
    "server": ("127.0.0.1:8460", "the daemon's address"),
    "image_transport": ("raw", "raw or compressed"),
    "outputs": ("mask,colored,overlay", "what is published"),
    "size": ("frame", "the size of masks"),
    "classes": ("", "the classes wanted"),
}
PARAMETERS = ("server", "image_transport", "outputs", "size", "classes")


def generate_launch_description() -> LaunchDescription:
    """The node; other parameters can be given in a file with --params-file."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    node = Node(
        package="edgeseg_ros",
        executable="segment",
        namespace=LaunchConfiguration("namespace"),
        remappings=[(TOPIC, LaunchConfiguration(TOPIC))],
        parameters=[
            {name: ParameterValue(LaunchConfiguration(name), value_type=str) for name in PARAMETERS}
        ],
        output="screen",
    )
    return LaunchDescription([*declared, node])
