// One stream of frames: one thread sends, another reads the answers.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>

#include "edgeseg/v1/segmentation.grpc.pb.h"

// Sends the options and the frames that `next_frame` fills in, until it returns false. Calls
// `on_answer` for each answer, in this thread, and returns the status of the call. `next_frame` is
// called in another thread, and the next time when flow control allows it. `on_end` is called when
// no more answers come, so that `next_frame` can stop waiting for one. An exception of `next_frame`
// is thrown here once the frames before it are answered. One of `on_answer` cancels the call, and
// is thrown here.
grpc::Status segment_stream(
    edgeseg::v1::SegmentationService::Stub& stub, grpc::ClientContext& context,
    const edgeseg::v1::StreamOptions& options,
    const std::function<bool(edgeseg::v1::Frame&)>& next_frame,
    const std::function<void(const edgeseg::v1::SegmentResponse&)>& on_answer,
    const std::function<void()>& on_end);
