"""Full names of services."""

from edgeseg.v1 import segmentation_pb2 as pb

SERVICE_NAME: str = pb.DESCRIPTOR.services_by_name["SegmentationService"].full_name
